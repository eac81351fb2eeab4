import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LptyHarness } from './lpty-harness.js';
import {
  brokenInstallation,
  expectOwnAnswers,
  fakeLogger,
  hex,
  KNOWN,
  openTerminal,
  requireLpty,
  startOnTerminal,
  startRefusing,
} from './support.js';

const ONE_REFUSAL = `got ${hex('0\n')}`;

/** Requests with a line end inside, such as a new password from in-band registration, each in one or more writes. */
const joined: readonly [title: string, ...writes: string[]][] = [
  ['two lines in one write', `setpass:mallory:example.com:x\n${KNOWN}\n`],
  ['two valid requests in one write', `${KNOWN}\n${KNOWN}\n`],
  ['ten lines in one write', `${KNOWN}\n`.repeat(10)],
  ['a line and the start of another, then its end', `${KNOWN}\n${KNOWN}`, '\n'],
  ['two lines in two writes', `setpass:mallory:example.com:x\n`, `${KNOWN}\n`],
  ['lines that end with carriage returns', `setpass:mallory:example.com:x\r${KNOWN}\r\n`],
  ['a carriage return before the line end', `${KNOWN}\r\n`],
  ['other characters that end a line elsewhere', `setpass:mallory:example.com:x\v\f\u0085\u2028${KNOWN}\n`],
];

/** Sends several requests as one, and expects one refusal and nothing else. */
async function expectOneRefusal(harness: LptyHarness, writes: readonly string[]): Promise<void> {
  for (const text of writes) {
    await harness.perform(`raw ${hex(text)}`);
    await sleep(20);
  }
  expect(await harness.perform('read 5')).toBe(ONE_REFUSAL);
  expect(await harness.perform('read 0.2')).toBe('nothing');
}

describe('joined requests on a terminal of lpty', () => {
  beforeEach(requireLpty);

  it('get one refusal for all of them', async () => {
    const harness = await startOnTerminal();
    for (const [, ...writes] of joined) {
      await expectOneRefusal(harness, writes);
      await expectOwnAnswers(harness);
    }
  });

  it('get one refusal while the bundle is broken', async () => {
    const { directory, env, expectLogged } = fakeLogger();
    const harness = openTerminal(env, brokenInstallation(directory));
    await startRefusing(harness);
    await expectLogged('every login is refused');
    for (const [, ...writes] of joined) {
      await expectOneRefusal(harness, writes);
      expect(await harness.ask(KNOWN)).toBe('refused');
    }
    expect(await harness.perform('read 0.2')).toBe('nothing');
  });
});
