import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { PROGRAM } from '../support/xtokend.js';
import {
  CONFIGURATION,
  environment,
  expectOwnAnswers,
  hex,
  KNOWN,
  openTerminal,
  requireLpty,
  startOnTerminal,
  UNKNOWN,
} from './support.js';

describe('on a terminal of lpty', () => {
  beforeEach(requireLpty);

  it('every answer arrives whole, in one read', async () => {
    const harness = await startOnTerminal();
    // bench/terminal.ts sends a million requests.
    expect(await harness.perform(`many 5000 ${KNOWN}`)).toBe('accepted 5000 refused 0 other 0 torn 0');
  });

  it('only answers are written, even if Node prints warnings or aborts', async () => {
    const talker = join(temporaryDirectory(), 'talker.cjs');
    writeFileSync(
      talker,
      `setInterval(() => { console.log('1'); console.error('0'); process.emitWarning('1'); }, 20);`,
    );
    const options = `--trace-exit --trace-warnings --require ${talker}`;
    const harness = await startOnTerminal({ ...environment(), NODE_OPTIONS: options });
    process.kill(harness.node, 'SIGABRT');
    await sleep(1500);
    expect(await harness.perform('read 0.2')).toBe('nothing');
    await expectOwnAnswers(harness);
  });

  it.each([
    ['the user', (byte: string) => `raw ${hex('isuser:al')}${byte}${hex('ice:up\n')}`],
    ['the password', (byte: string) => `raw ${hex('auth:alice:up:x')}${byte}${hex('y\n')}`],
  ])('control characters in %s neither kill, stop nor stall xtokend', async (_, command) => {
    const harness = await startOnTerminal();
    for (const byte of ['03', '04', '0d', '11', '13', '15', '16', '17', '1a', '1c', '7f', '80', 'ff']) {
      expect(await harness.perform(command(byte))).toBe('sent');
      expect(await harness.perform('read 5')).toBe(`got ${hex('0\n')}`);
    }
    await expectOwnAnswers(harness);
  });

  it('control characters in the first request are harmless on a controlling terminal, as of lpty 1.2', async () => {
    // On the controlling terminal, a key such as Ctrl-C raises a signal.
    const program = join(temporaryDirectory(), 'controlling');
    writeFileSync(program, `#!/bin/sh\nexec setsid --ctty --wait ${PROGRAM}\n`, { mode: 0o755 });
    for (const byte of ['03', '1a', '1c', '13']) {
      const harness = openTerminal(environment(), program);
      await harness.perform(`raw ${hex('isuser:al')}${byte}${hex('ice:up\n')}`);
      await harness.warmUp();
      await expectOwnAnswers(harness);
    }
  });

  it('a request that is too long is refused, and the next one is answered', async () => {
    const harness = await startOnTerminal();
    expect(await harness.ask(`auth:alice:example.com:${'x'.repeat(960)}`)).toBe('refused');
    expect(await harness.ask(`auth:alice:example.com:${'x'.repeat(3500)}`)).toBe('refused');
    await expectOwnAnswers(harness);
  });

  it('a Node that was stopped leaves requests unanswered that may have timed out, and then continues', async () => {
    const config = temporaryFile(`answer_within = 1\n${CONFIGURATION}`);
    const harness = await startOnTerminal({ XTOKEND_CONFIG: config });
    const { node } = harness;
    process.kill(node, 'SIGSTOP');
    expect(await harness.ask(KNOWN, 2)).toBe('silent');
    const waiting = harness.ask(UNKNOWN, 2);
    await sleep(1200);
    process.kill(node, 'SIGCONT');
    // The server still waits for this one, but xtokend cannot distinguish it from the one before.
    expect(await waiting).toBe('silent');
    expect(await harness.perform('read 0.1')).toBe('nothing');
    await expectOwnAnswers(harness);
  });
});
