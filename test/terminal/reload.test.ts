import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { openPortsOf } from '../support/system/ports.js';
import {
  CONFIGURATION,
  expectOwnAnswers,
  fakeLogger,
  openTerminal,
  requireLpty,
  startOnTerminal,
  UNKNOWN,
} from './support.js';

const WIDER = `${CONFIGURATION}[hosts."elsewhere.example"]\n`;

describe('a configuration on a terminal of lpty', () => {
  beforeEach(requireLpty);

  it('is applied if its file changes, or the supervisor gets SIGHUP, unless it is invalid', async () => {
    const { env, expectLogged } = fakeLogger();
    const file = env['XTOKEND_CONFIG'] ?? '';
    const harness = await startOnTerminal(env);
    await expectOwnAnswers(harness);
    const { supervisor } = harness;

    replace(file, 'not a configuration');
    await expectLogged('configuration reload failed, keeping the previous one');
    await expectOwnAnswers(harness);

    replace(file, WIDER);
    // Sooner than the next poll of the file.
    process.kill(supervisor, 'SIGHUP');
    await expect.poll(() => harness.ask(UNKNOWN)).toBe('accepted');

    replace(file, CONFIGURATION);
    await expect.poll(() => harness.ask(UNKNOWN)).toBe('refused');
    await expectOwnAnswers(harness);
  });

  it('stays in use if the supervisor gets signals while Node starts, and the debugger stays closed', async () => {
    const { env, logged } = fakeLogger();
    const harness = openTerminal(env);
    const warmedUp = harness.warmUp().then(() => true);
    await expect.poll(() => harness.node, { interval: 2 }).toBeGreaterThan(0);
    const { supervisor } = harness;
    for (let count = 0; !(await Promise.race([warmedUp, sleep(3, false)])); count += 1) {
      process.kill(supervisor, count % 2 === 0 ? 'SIGHUP' : 'SIGUSR1');
    }
    await expectOwnAnswers(harness);
    expect(openPortsOf(harness.node)).toEqual([]);
    expect(logged()).not.toContain('ended with status');
  });

  it('appears in the summary that SIGUSR1 to the supervisor logs', async () => {
    const { env, expectLogged } = fakeLogger();
    const harness = await startOnTerminal(env);
    const { supervisor } = harness;
    for (let signals = 0; signals < 5; signals += 1) {
      process.kill(supervisor, 'SIGUSR1');
      await sleep(20);
    }
    await expectLogged('summary configuration=');
    await expectOwnAnswers(harness);
  });
});

function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
