import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { hasLpty, openLpty } from '../support/lpty.js';
import { descendantsOf, findProgram } from '../support/processes.js';
import { requirePackage } from '../support/requirement.js';
import { environment, expectInStep, hex, KNOWN, UNKNOWN } from '../support/terminal.js';
import { PROGRAM } from '../support/xtokend.js';

describe('on the terminal of lpty', () => {
  beforeEach((context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
  });

  it('every answer arrives whole, in one read', async () => {
    const harness = openLpty(PROGRAM, environment());
    await harness.warmUp();
    // bench/terminal.ts does the same a million times.
    expect(await harness.perform(`many 20000 ${KNOWN}`)).toBe('accepted 20000 refused 0 other 0 torn 0');
  });

  it('nothing but answers stands there, whatever goes wrong', async () => {
    const talker = join(temporaryDirectory(), 'talker.cjs');
    writeFileSync(
      talker,
      `setInterval(() => { console.log('1'); console.error('0'); process.emitWarning('1'); }, 20);`,
    );
    const options = `--trace-exit --trace-warnings --require ${talker}`;
    const harness = openLpty(PROGRAM, { ...environment(), NODE_OPTIONS: options });
    await harness.warmUp();
    process.kill(findProgram(descendantsOf(harness.pid), 'node'), 'SIGABRT');
    await sleep(1500);
    expect(await harness.perform('read 0.2')).toBe('nothing');
    await expectInStep(harness);
  });

  it.each([
    ['in the user', (byte: string) => `raw ${hex('isuser:al')}${byte}${hex('ice:up\n')}`],
    ['in the password', (byte: string) => `raw ${hex('auth:alice:up:x')}${byte}${hex('y\n')}`],
  ])('the special bytes %s neither kill, stop nor stall', async (_, command) => {
    const harness = openLpty(PROGRAM, environment());
    await harness.warmUp();
    for (const byte of ['03', '04', '0d', '11', '13', '15', '16', '17', '1a', '1c', '7f', '80', 'ff']) {
      expect(await harness.perform(command(byte))).toBe('sent');
      expect(await harness.perform('read 5')).toBe(`got ${hex('0\n')}`);
    }
    await expectInStep(harness);
  });

  it('the special bytes do no harm in the very first request, with a controlling terminal as of lpty 1.2', async () => {
    // setsid makes the terminal the controlling one, so that a key on it raises a signal.
    const directory = temporaryDirectory();
    const program = join(directory, 'controlling');
    writeFileSync(program, `#!/bin/sh\nexec setsid --ctty --wait ${PROGRAM}\n`, { mode: 0o755 });
    for (const byte of ['03', '1a', '1c', '13']) {
      const harness = openLpty(program, environment());
      await harness.perform(`raw ${hex('isuser:al')}${byte}${hex('ice:up\n')}`);
      await harness.warmUp();
      await expectInStep(harness);
    }
  });

  it('whatever is refused as too long for a request, the next one is answered', async () => {
    const harness = openLpty(PROGRAM, environment());
    await harness.warmUp();
    expect(await harness.ask(`auth:alice:example.com:${'x'.repeat(960)}`)).toBe('refused');
    expect(await harness.ask(`auth:alice:example.com:${'x'.repeat(3500)}`)).toBe('refused');
    await expectInStep(harness);
  });

  it('a process that was stopped answers nothing that may be given up, and then goes on', async () => {
    const harness = openLpty(PROGRAM, environment());
    await harness.warmUp();
    const node = findProgram(descendantsOf(harness.pid), 'node');
    process.kill(node, 'SIGSTOP');
    expect(await harness.ask(KNOWN, 5)).toBe('silent');
    const waiting = harness.ask(UNKNOWN, 5);
    await sleep(3000);
    process.kill(node, 'SIGCONT');
    // This one still waits, but from here it cannot be told from the one before.
    expect(await waiting).toBe('silent');
    expect(await harness.perform('read 0.1')).toBe('nothing');
    await expectInStep(harness);
  });
});
