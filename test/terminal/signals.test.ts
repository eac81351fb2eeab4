import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { hasLpty, openLpty } from '../support/lpty.js';
import { descendantsOf, findProgram, survivorsOf } from '../support/processes.js';
import { requirePackage } from '../support/requirement.js';
import { environment, KNOWN } from '../support/terminal.js';
import { PROGRAM } from '../support/xtokend.js';

const { SIGKILL, SIGSTOP, SIGCONT, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH } = constants.signals;
/** These can't be caught; the C library keeps 32 and 33 for itself. */
const UNSTOPPABLE = [SIGKILL, SIGSTOP, 32, 33];
/** These end nothing. */
const HARMLESS = [SIGCONT, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH];
const LAST = 64;
const AT_A_TIME = 10;

const signals = Array.from({ length: LAST }, (_, index) => index + 1).filter(
  (signal) => ![...UNSTOPPABLE, ...HARMLESS].includes(signal),
);

/** @returns what the module makes of the program after a signal to the process that it started */
async function askAfter(signal: number): Promise<string> {
  const harness = openLpty(PROGRAM, environment());
  await harness.warmUp();
  const ours = descendantsOf(harness.pid);
  process.kill(findProgram(ours, 'sh'), signal);
  await survivorsOf(ours, 300);
  const said = await harness.ask(KNOWN, 0.1);
  harness.end();
  return said;
}

describe('on the terminal of lpty', { timeout: 60_000 }, () => {
  beforeEach((context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
  });

  it('no signal that can be caught keeps the module from starting the program again', async () => {
    const dead: number[] = [];
    for (let index = 0; index < signals.length; index += AT_A_TIME) {
      const some = signals.slice(index, index + AT_A_TIME);
      const said = await Promise.all(some.map(askAfter));
      dead.push(...some.filter((_, at) => said[at] === 'dead'));
      await sleep(0);
    }
    expect(dead).toEqual([]);
  });
});
