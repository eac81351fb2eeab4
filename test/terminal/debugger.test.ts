import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { codeOf } from '../../src/errors.js';
import { hasLpty, openLpty } from '../support/lpty.js';
import { openPortsOf } from '../support/open-ports.js';
import { catchesSignal, descendantsOf, findProgram, waitForHandler } from '../support/processes.js';
import { requirePackage } from '../support/requirement.js';
import { expectInStep, fakeLogger } from '../support/terminal.js';
import { PROGRAM } from '../support/xtokend.js';

const STARTS = 5;
const START_MILLISECONDS = 10_000;
const [SIGHUP, SIGUSR1] = [1, 10];

describe('the debugger of Node on the terminal of lpty', () => {
  beforeEach((context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
  });

  it('stays closed when SIGUSR1 goes to the supervisor and to Node during the start', async () => {
    const { env, logged } = fakeLogger();
    const started = Array.from({ length: STARTS }, () => {
      const harness = openLpty(PROGRAM, env);
      const warmedUp = harness.warmUp();
      signalWhileNodeStarts(harness.pid);
      return { harness, warmedUp };
    });
    for (const { harness, warmedUp } of started) {
      await warmedUp;
      await expectInStep(harness);
      expect(openPortsOf(findProgram(descendantsOf(harness.pid), 'node'))).toEqual([]);
    }
    expect(logged()).not.toContain('ended with status');
  });
});

/** Sends SIGUSR1 every millisecond, until xtokend's first line has run. Blocks: an event loop iteration takes too long. */
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

/** A process may have ended since it was found: the module starts the supervisor again, and what follows is checked. */
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
