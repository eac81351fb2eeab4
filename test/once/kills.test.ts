import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { mintMany } from '../support/many-tokens.js';
import { startXtokend } from '../support/xtokend.js';

/** Most of the time is that of Node.js to start: about 0.3 s of a processor for each kill. */
const KILLS = Number(process.env['XTOKEND_TEST_KILLS'] ?? 200);
/** How many processes run at the same time. */
const PROCESSES = 2;
/** After how many answers a process is killed at most, and how long after them. */
const MAX_ANSWERS = 250;
const MAX_DELAY_MILLISECONDS = 2;
/** How many accepted and how many unanswered tokens the next process gets again. */
const AGAIN = 50;
const NEW_TOKENS = 300;

/** Starts a process, sends it the tokens, and kills it at a random moment. Returns the answers that it wrote before. */
async function answersBeforeKill(config: string, tokens: readonly string[]): Promise<string[]> {
  const child = startXtokend([], { XTOKEND_CONFIG: config });
  const answers: string[] = [];
  child.stderr.resume();
  child.stdin.on('error', () => undefined);
  const limit = Math.random() * MAX_ANSWERS;
  const lines = createInterface(child.stdout);
  const isDue = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (answers.push(line) > limit) resolve();
    });
  });
  child.stdin.write(tokens.map((token) => `auth:a:b:${token}\n`).join(''));
  await isDue;
  await sleep(Math.random() * MAX_DELAY_MILLISECONDS);
  child.kill('SIGKILL');
  await once(lines, 'close');
  return answers;
}

describe('processes that are killed at random moments', () => {
  it('never accept a token again after its 1 was read', { timeout: 60_000 + KILLS * 2000 }, async () => {
    const config = temporaryFile(`${SECRETS}[replay]\npath = "${temporaryDirectory()}"\n`);
    let repeated: string[] = [];
    let kills = 0;
    const accepted = new Set<string>();
    let acceptedAgain = 0;
    const startAndKill = async (): Promise<void> => {
      while ((kills += 1) <= KILLS) {
        const tokens = [...repeated, ...mintMany(NEW_TOKENS)];
        const answers = await answersBeforeKill(config, tokens);
        for (const [index, answer] of answers.entries()) {
          const token = tokens[index] ?? '';
          if (answer !== '1') continue;
          if (accepted.has(token)) acceptedAgain += 1;
          accepted.add(token);
        }
        const unanswered = tokens.slice(answers.length, answers.length + AGAIN);
        repeated = [...[...accepted].slice(-AGAIN), ...unanswered];
      }
    };
    await Promise.all(Array.from({ length: PROCESSES }, startAndKill));
    process.stderr.write(
      `${KILLS} kills: ${accepted.size} tokens accepted, ${acceptedAgain} accepted again\n`,
    );
    expect(acceptedAgain).toBe(0);
    expect(accepted.size).toBeGreaterThan(KILLS * 10);
    if (KILLS > 200)
      process.stderr.write(`${KILLS} kills: ${accepted.size} tokens accepted, none of them again\n`);
  });
});
