import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { catchesSignal, survivorsOf } from '../support/system/processes.js';
import {
  expectOwnAnswers,
  fakeLogger,
  KNOWN,
  openTerminal,
  requireLpty,
  startOnTerminal,
  UNKNOWN,
} from './support.js';

const { SIGKILL, SIGSTOP, SIGCONT, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH } = constants.signals;
const { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGSEGV, SIGPIPE, SIGUSR2 } = constants.signals;
/** These can't be caught; the C library reserves 32 and 33. */
const UNCATCHABLE = [SIGKILL, SIGSTOP, 32, 33];
/** These don't end a process. */
const HARMLESS = [SIGCONT, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH];
const LAST_SIGNAL = 64;
/** Some of the others. */
const SAMPLE = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGSEGV, SIGPIPE, SIGUSR2, 16, 34, LAST_SIGNAL];
/** Node must run this long before it ends, or the supervisor delays the next start. */
const SHORT_LIFE_MILLISECONDS = 1200;

describe('a Node process that ends on a terminal of lpty', () => {
  beforeEach(requireLpty);

  it('is restarted after a signal, and the next request but one is answered', async () => {
    const harness = await startOnTerminal();
    for (const signal of ['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const) {
      await sleep(SHORT_LIFE_MILLISECONDS);
      process.kill(harness.node, signal);
      await harness.ask(UNKNOWN);
      await expectOwnAnswers(harness);
    }
  });

  it('leaves requests that the next one does not answer', async () => {
    const harness = await startOnTerminal();
    const { node } = harness;
    process.kill(node, 'SIGSTOP');
    // The server gives up on both, so early that their age alone would not forbid an answer.
    for (let asked = 0; asked < 2; asked += 1) expect(await harness.ask(UNKNOWN, 0.3)).toBe('silent');
    process.kill(node, 'SIGKILL');
    // While the server does not wait, no answer may be written.
    await sleep(1000);
    expect(await harness.perform('read 0')).toBe('nothing');
    await expectOwnAnswers(harness);
  });

  it('is restarted after an uncaught exception, which is logged', async () => {
    const { directory, env, expectLogged } = fakeLogger();
    const trap = join(directory, 'trap.cjs');
    writeFileSync(trap, `process.on('SIGUSR2', () => { throw new Error('thrown by the test'); });`);
    const harness = await startOnTerminal({ ...env, NODE_OPTIONS: `--require ${trap}` });
    await sleep(SHORT_LIFE_MILLISECONDS);
    const { node } = harness;
    process.kill(node, 'SIGUSR2');
    // On a busy machine it may answer before it handles the signal.
    expect(await survivorsOf([node], 5000)).toEqual([]);
    await harness.ask(UNKNOWN);
    await expectOwnAnswers(harness);
    await expectLogged('uncaught exception; exiting: Error: thrown by the test');
    await expectLogged('the Node process ended with status 1');
  });
});

describe('no process outlives its terminal of lpty', () => {
  beforeEach(requireLpty);

  it.each([
    ['SIGTERM to the supervisor', (supervisor: number) => process.kill(supervisor, 'SIGTERM')],
    ['SIGKILL to the supervisor', (supervisor: number) => process.kill(supervisor, 'SIGKILL')],
    ['SIGKILL to the server', (_: number, server: number) => process.kill(server, 'SIGKILL')],
  ])('after %s', async (_, kill) => {
    const harness = await startOnTerminal(fakeLogger().env);
    // The supervisor, Node and its logger.
    await expect.poll(() => harness.descendants.length).toBeGreaterThanOrEqual(3);
    const { descendants, supervisor } = harness;
    kill(supervisor, harness.pid);
    expect(await survivorsOf(descendants, 10_000)).toEqual([]);
  });

  it('after SIGTERM to the supervisor of a Node that is stopped', async () => {
    const harness = await startOnTerminal();
    const { descendants, supervisor } = harness;
    process.kill(harness.node, 'SIGSTOP');
    process.kill(supervisor, 'SIGTERM');
    expect(await survivorsOf(descendants, 10_000)).toEqual([]);
  });

  it('after the server closes the terminal', async () => {
    const harness = await startOnTerminal();
    const { descendants } = harness;
    expect(descendants.length).toBeGreaterThanOrEqual(2);
    await harness.perform('close');
    expect(await survivorsOf(descendants, 10_000)).toEqual([]);
  });

  it('after SIGTERM, and the next request starts xtokend again', async () => {
    const harness = await startOnTerminal();
    const { descendants, supervisor } = harness;
    process.kill(supervisor, 'SIGTERM');
    expect(await survivorsOf(descendants, 10_000)).toEqual([]);
    await harness.warmUp();
    await expectOwnAnswers(harness);
  });
});

describe('the supervisor on a terminal of lpty', { timeout: 60_000 }, () => {
  beforeEach(requireLpty);

  it('exits with status 0 after SIGTERM at any moment from its first line on', async () => {
    for (let start = 0; start < 15; start += 1) {
      const harness = openTerminal();
      await harness.perform('raw 0a');
      const { descendants } = harness;
      await sleep(start);
      const [supervisor] = descendants;
      if (supervisor === undefined) throw new Error('expected the process that was just started');
      while (!catchesSignal(supervisor, SIGTERM)) await sleep(1);
      process.kill(supervisor, 'SIGTERM');
      expect(await survivorsOf(descendants, 10_000)).toEqual([]);
      // The module never restarts a program that ended with another status.
      expect(await harness.ask(KNOWN, 0.1)).not.toBe('dead');
    }
  });

  it('catches or ignores every signal that would end it', async () => {
    const signals = Array.from({ length: LAST_SIGNAL }, (_, index) => index + 1).filter(
      (signal) => ![...UNCATCHABLE, ...HARMLESS].includes(signal),
    );
    const { supervisor } = await startOnTerminal();
    expect(signals.filter((signal) => !catchesSignal(supervisor, signal, ['SigCgt', 'SigIgn']))).toEqual([]);
  });

  it('is restarted by the module after a signal that it catches or ignores', async () => {
    expect(await Promise.all(SAMPLE.map(askAfter))).not.toContain('dead');
  });
});

/** Sends a signal to the supervisor, and returns the result of the module's next request. */
async function askAfter(signal: number): Promise<string> {
  const harness = await startOnTerminal();
  const { descendants, supervisor } = harness;
  process.kill(supervisor, signal);
  await survivorsOf(descendants, 300);
  const result = await harness.ask(KNOWN, 0.1);
  harness.end();
  return result;
}
