import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { hasLpty, openLpty } from '../support/lpty.js';
import { descendantsOf, findProgram, survivorsOf } from '../support/processes.js';
import { requirePackage } from '../support/requirement.js';
import { environment, expectInStep, fakeLogger, UNKNOWN } from '../support/terminal.js';
import { PROGRAM } from '../support/xtokend.js';

describe('on the terminal of lpty', () => {
  beforeEach((context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
  });

  it('a Node that is killed is replaced; the next request but one is answered', async () => {
    const harness = openLpty(PROGRAM, environment());
    await harness.warmUp();
    for (const signal of ['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const) {
      // Longer than a short life.
      await sleep(1200);
      process.kill(findProgram(descendantsOf(harness.pid), 'node'), signal);
      await harness.ask(UNKNOWN);
      await expectInStep(harness);
    }
  });

  it('what lay in the terminal when Node died is not answered by the next one', async () => {
    const harness = openLpty(PROGRAM, environment());
    await harness.warmUp();
    const node = findProgram(descendantsOf(harness.pid), 'node');
    process.kill(node, 'SIGSTOP');
    // The server gives up on both, so early that their age alone would not forbid an answer.
    for (let asked = 0; asked < 2; asked += 1) expect(await harness.ask(UNKNOWN, 0.3)).toBe('silent');
    process.kill(node, 'SIGKILL');
    // As long as the server does not wait, nothing is to be answered.
    await sleep(1000);
    expect(await harness.perform('read 0')).toBe('nothing');
    await expectInStep(harness);
  });

  it('an exception that nobody expected costs one process, not the terminal', async () => {
    const { directory, env, expectLogged } = fakeLogger();
    const trap = join(directory, 'trap.cjs');
    writeFileSync(trap, `process.on('SIGUSR2', () => { throw new Error('nobody expected this'); });`);
    const harness = openLpty(PROGRAM, { ...env, NODE_OPTIONS: `--require ${trap}` });
    await harness.warmUp();
    await sleep(1200);
    const node = findProgram(descendantsOf(harness.pid), 'node');
    process.kill(node, 'SIGUSR2');
    // On a busy machine it may answer before it notices.
    expect(await survivorsOf([node], 5000)).toEqual([]);
    await harness.ask(UNKNOWN);
    await expectInStep(harness);
    await expectLogged('uncaught exception; exiting: Error: nobody expected this');
    await expectLogged('the Node process ended with status 1; it is started again');
  });

  describe('nobody is left behind', () => {
    it.each([
      ['SIGTERM to the supervisor', (supervisor: number) => process.kill(supervisor, 'SIGTERM')],
      ['SIGKILL to the supervisor', (supervisor: number) => process.kill(supervisor, 'SIGKILL')],
      ['SIGKILL to the server', (_: number, server: number) => process.kill(server, 'SIGKILL')],
    ])('after %s', async (_, kill) => {
      const { env } = fakeLogger();
      const harness = openLpty(PROGRAM, env);
      await harness.warmUp();
      // The supervisor, Node and its logger.
      await expect.poll(() => descendantsOf(harness.pid).length).toBeGreaterThanOrEqual(3);
      const ours = descendantsOf(harness.pid);
      kill(findProgram(ours, 'sh'), harness.pid);
      expect(await survivorsOf(ours, 10_000)).toEqual([]);
    });

    it('after SIGTERM to the supervisor of a Node that is stopped', async () => {
      const harness = openLpty(PROGRAM, environment());
      await harness.warmUp();
      const ours = descendantsOf(harness.pid);
      process.kill(findProgram(ours, 'node'), 'SIGSTOP');
      process.kill(findProgram(ours, 'sh'), 'SIGTERM');
      expect(await survivorsOf(ours, 10_000)).toEqual([]);
    });

    it('when the server closes the terminal, and it ends with 0', async () => {
      const harness = openLpty(PROGRAM, environment());
      await harness.warmUp();
      const ours = descendantsOf(harness.pid);
      await harness.perform('close');
      expect(await survivorsOf(ours, 10_000)).toEqual([]);
    });

    it('when SIGTERM ended it, and the next request starts it again', async () => {
      const harness = openLpty(PROGRAM, environment());
      await harness.warmUp();
      const ours = descendantsOf(harness.pid);
      process.kill(findProgram(ours, 'sh'), 'SIGTERM');
      expect(await survivorsOf(ours, 10_000)).toEqual([]);
      await harness.warmUp();
      await expectInStep(harness);
    });
  });
});
