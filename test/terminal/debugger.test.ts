import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { codeOf } from '../../src/errors.js';
import { openPortsOf } from '../support/system/ports.js';
import { catchesSignal, waitForHandler } from '../support/system/processes.js';
import { expectOwnAnswers, fakeLogger, openTerminal, requireLpty } from './support.js';

const STARTS = 5;
const START_MILLISECONDS = 10_000;
const [SIGHUP, SIGUSR1] = [1, 10];

describe('the debugger of Node on a terminal of lpty', () => {
  beforeEach(requireLpty);

  it('stays closed if the supervisor and Node get SIGUSR1 during the start', async () => {
    const { env, logged } = fakeLogger();
    const started = Array.from({ length: STARTS }, () => {
      const harness = openTerminal(env);
      const warmedUp = harness.warmUp();
      signalWhileNodeStarts(harness.pid);
      return { harness, warmedUp };
    });
    for (const { harness, warmedUp } of started) {
      await warmedUp;
      await expectOwnAnswers(harness);
      expect(openPortsOf(harness.node)).toEqual([]);
    }
    expect(logged()).not.toContain('ended with status');
  });
});

/** Sends SIGUSR1 every millisecond until xtokend's first line has run. Blocks, because an event loop iteration takes too long. */
function signalWhileNodeStarts(server: number): void {
  const end = Date.now() + START_MILLISECONDS;
  let node: number | undefined;
  while (node === undefined && Date.now() < end) node = nodeBelow(server);
  if (node === undefined) throw new Error(`expected a process node below process ${server}`);
  const [supervisor] = childrenOf(server);
  if (supervisor === undefined) throw new Error(`expected a process below process ${server}`);
  waitForHandler(node, SIGUSR1);
  while (!catchesSignal(node, SIGHUP)) {
    signal(supervisor);
    signal(node);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

/** Sends SIGUSR1, unless the process has ended since it was found: the module restarts the supervisor. */
function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGUSR1');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

function nodeBelow(server: number): number | undefined {
  return childrenOf(server)
    .flatMap(childrenOf)
    .find((pid) => contentOf(`/proc/${pid}/cmdline`).startsWith('node\0'));
}

function childrenOf(pid: number): number[] {
  return contentOf(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // The process has ended.
    return '';
  }
}
