import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LptyHarness } from '../support/lpty-harness.js';
import { hasLpty, openLpty } from '../support/lpty.js';
import { requirePackage } from '../support/requirement.js';
import {
  brokenInstallation,
  environment,
  expectInStep,
  fakeLogger,
  hex,
  KNOWN,
} from '../support/terminal.js';
import { PROGRAM } from '../support/xtokend.js';

const ONE_REFUSAL = `got ${hex('0\n')}`;

/** A new password with a line end in it, as Prosody's in-band registration hands it on; each in one or more writes. */
const sends: readonly [title: string, ...writes: string[]][] = [
  ['two lines in one write', `setpass:mallory:example.com:x\n${KNOWN}\n`],
  ['two good lines in one write', `${KNOWN}\n${KNOWN}\n`],
  ['ten lines in one write', `${KNOWN}\n`.repeat(10)],
  ['a line and the beginning of another, and its end', `${KNOWN}\n${KNOWN}`, '\n'],
  ['two lines in two writes', `setpass:mallory:example.com:x\n`, `${KNOWN}\n`],
  ['lines that are ended by carriage returns', `setpass:mallory:example.com:x\r${KNOWN}\r\n`],
  ['a carriage return before the line end', `${KNOWN}\r\n`],
  ['other bytes that end lines elsewhere', `setpass:mallory:example.com:x\v\f\u0085\u2028${KNOWN}\n`],
];

/** Sends what is more than a request in one go, and expects one refusal for all of it, and nothing behind that. */
async function expectOneRefusal(harness: LptyHarness, writes: readonly string[]): Promise<void> {
  for (const text of writes) {
    await harness.perform(`raw ${hex(text)}`);
    await sleep(20);
  }
  expect(await harness.perform('read 5')).toBe(ONE_REFUSAL);
  expect(await harness.perform('read 0.2')).toBe('nothing');
}

describe('on the terminal of lpty', () => {
  beforeEach((context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
  });

  it('what is more than a request is refused as a whole, once', async () => {
    const harness = openLpty(PROGRAM, environment());
    await harness.warmUp();
    for (const [, ...writes] of sends) {
      await expectOneRefusal(harness, writes);
      await expectInStep(harness);
    }
  });

  it('what is more than a request is refused once as well while the program cannot run', async () => {
    const { directory, env, expectLogged } = fakeLogger();
    const harness = openLpty(brokenInstallation(directory), env);
    await harness.ask(KNOWN, 0.5);
    await expectLogged('every login is refused');
    await expect.poll(() => harness.ask(KNOWN, 1), { timeout: 10_000 }).toBe('refused');
    for (const [, ...writes] of sends) {
      await expectOneRefusal(harness, writes);
      expect(await harness.ask(KNOWN)).toBe('refused');
    }
    expect(await harness.perform('read 0.2')).toBe('nothing');
  });
});
