import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFile } from '../support/folder.js';
import { SECRETS } from '../support/keys.js';
import { hasLpty } from '../support/lpty.js';
import { requirePackage } from '../support/requirement.js';
import { PROGRAM } from '../support/xtokend.js';
import { tallyVerdicts } from './verdicts.js';

const NAIVE = fileURLToPath(new URL('naive.sh', import.meta.url));
// bench/terminal.ts does the same with 200.
const TERMINALS = 12;

const config = (): string => temporaryFile(SECRETS);

describe('on fresh terminals', { timeout: 120_000 }, () => {
  it('xtokend gives nobody the verdict of another', async (context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
    const tally = await tallyVerdicts(PROGRAM, config(), TERMINALS);
    expect(tally.wrong).toBe(0);
    // Only what was sent before the program had emptied the terminal goes without an answer.
    expect(tally.unanswered).toBeLessThanOrEqual(5 * TERMINALS);
    expect(tally.right).toBeGreaterThanOrEqual(5 * TERMINALS);
  });

  it('a program that answers every line does', async (context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
    // By chance there is now and then a round without: whether a terminal echoes is a race.
    let wrong = 0;
    for (let round = 0; round < 3 && wrong === 0; round += 1) {
      wrong += (await tallyVerdicts(NAIVE, config(), TERMINALS)).wrong;
    }
    expect(wrong).toBeGreaterThan(0);
  });
});
