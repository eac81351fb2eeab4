import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { PROGRAM } from '../support/xtokend.js';
import { requestOf, tallyOutcomes } from './outcomes.js';
import { hex, requireLpty, startOnTerminal } from './support.js';

const NAIVE = fileURLToPath(new URL('./naive.sh', import.meta.url));
// bench/terminal.ts uses 200.
const TERMINALS = 12;
/** Much longer than xtokend takes for an answer. */
const ANSWER_MILLISECONDS = 500;

describe('on terminals of lpty', { timeout: 120_000 }, () => {
  beforeEach(requireLpty);

  it('xtokend never gives the answer that belongs to another request', async () => {
    const tally = await tallyOutcomes(PROGRAM, temporaryFile(SECRETS), TERMINALS);
    expect(tally.wrong).toBe(0);
    // Only requests that were sent before the terminal was drained stay unanswered.
    expect(tally.unanswered).toBeLessThanOrEqual(5 * TERMINALS);
    expect(tally.right).toBeGreaterThanOrEqual(5 * TERMINALS);
  });

  // A signal to the server ends its wait (docs/terminal.md).
  describe('after the server gave up on a login', () => {
    it('a program that answers every line logs the next user in by mistake', async () => {
      const log = join(temporaryDirectory(), 'log');
      const config = temporaryFile(`${SECRETS}[log]\ntarget = "file:${log}"\n`);
      const harness = await startOnTerminal({ XTOKEND_CONFIG: config }, NAIVE);
      await harness.perform(`raw ${hex(`${requestOf('alice', true)}\n`)}`);
      // The log line follows the answer.
      await expect.poll(() => readFileSync(log, 'utf8')).toContain('alice@example.com');
      // So that the two answers cannot arrive in one read.
      process.kill(harness.node, 'SIGSTOP');
      expect(await harness.ask(requestOf('mallory', false))).toBe('accepted');
    });

    it('xtokend refuses the next user', async () => {
      const harness = await startOnTerminal({ XTOKEND_CONFIG: temporaryFile(SECRETS) });
      await harness.perform(`raw ${hex(`${requestOf('alice', true)}\n`)}`);
      await sleep(ANSWER_MILLISECONDS);
      expect(await harness.ask(requestOf('mallory', false))).toBe('refused');
    });
  });
});
