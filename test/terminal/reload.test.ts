import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { hasLpty, openLpty } from '../support/lpty.js';
import { descendantsOf, findProgram } from '../support/processes.js';
import { requirePackage } from '../support/requirement.js';
import { CONFIGURATION, expectInStep, fakeLogger, UNKNOWN } from '../support/terminal.js';
import { PROGRAM } from '../support/xtokend.js';

const WIDER = `${CONFIGURATION}[hosts."elsewhere.example"]\n`;

describe('a configuration on the terminal of lpty', () => {
  beforeEach((context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
  });

  it('is taken up when its file changes, and when the supervisor gets SIGHUP; a broken one is not', async () => {
    const { env, expectLogged } = fakeLogger();
    const file = env['XTOKEND_CONFIG'] ?? '';
    const harness = openLpty(PROGRAM, env);
    await harness.warmUp();
    await expectInStep(harness);
    const supervisor = findProgram(descendantsOf(harness.pid), 'sh');

    replace(file, 'this is no configuration');
    await expectLogged('configuration reload failed, keeping the previous one');
    await expectInStep(harness);

    replace(file, WIDER);
    // Before anybody looks at the file by itself.
    process.kill(supervisor, 'SIGHUP');
    await expect.poll(() => harness.ask(UNKNOWN)).toBe('accepted');

    replace(file, CONFIGURATION);
    await expect.poll(() => harness.ask(UNKNOWN)).toBe('refused');
    await expectInStep(harness);
  });

  it('outlives signals to the supervisor while Node starts, and opens no debugger', async () => {
    const { env, logged } = fakeLogger();
    const harness = openLpty(PROGRAM, env);
    const calm = harness.warmUp().then(() => true);
    const processes = (): number[] => descendantsOf(harness.pid);
    await expect.poll(() => findProgram(processes(), 'node'), { interval: 2 }).toBeGreaterThan(0);
    const supervisor = findProgram(processes(), 'sh');
    for (let turn = 0; !(await Promise.race([calm, sleep(3, false)])); turn += 1) {
      process.kill(supervisor, turn % 2 === 0 ? 'SIGHUP' : 'SIGUSR1');
    }
    await expectInStep(harness);
    expect(logged()).not.toContain('ended with status');
  });

  it('is summed up in the log at SIGUSR1 to the supervisor', async () => {
    const { env, expectLogged } = fakeLogger();
    const harness = openLpty(PROGRAM, env);
    await harness.warmUp();
    const supervisor = findProgram(descendantsOf(harness.pid), 'sh');
    for (let signals = 0; signals < 5; signals += 1) {
      process.kill(supervisor, 'SIGUSR1');
      await sleep(20);
    }
    await expectLogged('summary configuration=');
    await expectInStep(harness);
  });
});

function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
