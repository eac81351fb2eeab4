import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { hasLpty, openLpty } from '../support/lpty.js';
import { descendantsOf, findProgram } from '../support/processes.js';
import { requirePackage } from '../support/requirement.js';
import { hex } from '../support/terminal.js';
import { PROGRAM } from '../support/xtokend.js';
import { requestOf, tallyVerdicts } from './outcomes.js';

const NAIVE = fileURLToPath(new URL('naive.sh', import.meta.url));
// bench/terminal.ts does the same with 200.
const TERMINALS = 12;
/** Much longer than an answer takes. */
const ANSWER_MILLISECONDS = 500;

describe('on terminals of lpty', { timeout: 120_000 }, () => {
  beforeEach((context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
  });

  it('xtokend gives nobody the verdict of another', async () => {
    const tally = await tallyVerdicts(PROGRAM, temporaryFile(SECRETS), TERMINALS);
    expect(tally.wrong).toBe(0);
    // Only what was sent before the program had emptied the terminal goes without an answer.
    expect(tally.unanswered).toBeLessThanOrEqual(5 * TERMINALS);
    expect(tally.right).toBeGreaterThanOrEqual(5 * TERMINALS);
  });

  // As after a signal to the server, which ends its wait (docs/terminal.md).
  describe('after a login that the server has given up', () => {
    it('a program that answers every line lets the next person in by it', async () => {
      const log = join(temporaryDirectory(), 'log');
      const config = temporaryFile(`${SECRETS}[log]\ntarget = "file:${log}"\n`);
      const harness = openLpty(NAIVE, { XTOKEND_CONFIG: config });
      await harness.warmUp();
      await harness.perform(`raw ${hex(`${requestOf('alice', true)}\n`)}`);
      // It logs what it has answered.
      await expect.poll(() => readFileSync(log, 'utf8'), { timeout: 10_000 }).toContain('alice@example.com');
      const node = findProgram(descendantsOf(harness.pid), 'node');
      // So that the two answers cannot come in one read.
      process.kill(node, 'SIGSTOP');
      expect(await harness.ask(requestOf('mallory', false))).toBe('accepted');
    });

    it('xtokend refuses the next person', async () => {
      const harness = openLpty(PROGRAM, { XTOKEND_CONFIG: temporaryFile(SECRETS) });
      await harness.warmUp();
      await harness.perform(`raw ${hex(`${requestOf('alice', true)}\n`)}`);
      await sleep(ANSWER_MILLISECONDS);
      expect(await harness.ask(requestOf('mallory', false))).toBe('refused');
    });
  });
});
