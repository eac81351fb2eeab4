import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { mintToken } from '../../src/index.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { startXtokend } from '../support/xtokend.js';

const DEATHS = 200;
/** How many processes live at the same time. */
const LIVING = 2;
/** After how many answers a life ends at the most, and how long after them. */
const ANSWERS = 250;
const LINGER_MILLISECONDS = 2;
/** How many that were accepted, and how many that were on their way when a life ended, the next is offered again. */
const AGAIN = 50;
const BATCH = 300;

const mint = (): string => mintToken({ jid: 'a@b', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });

/** One life: offers the tokens, is killed at a random moment. @returns the answers that it wrote before */
async function live(config: string, tokens: readonly string[]): Promise<string[]> {
  const child = startXtokend([], { XTOKEND_CONFIG: config });
  const answers: string[] = [];
  child.stderr.resume();
  child.stdin.on('error', () => undefined);
  const life = Math.random() * ANSWERS;
  const lines = createInterface(child.stdout);
  const isOver = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (answers.push(line) > life) resolve();
    });
  });
  child.stdin.write(tokens.map((token) => `auth:a:b:${token}\n`).join(''));
  await isOver;
  await sleep(Math.random() * LINGER_MILLISECONDS);
  child.kill('SIGKILL');
  await once(lines, 'close');
  return answers;
}

describe('a process that is killed at random moments', () => {
  it('accepts no token again whose 1 was read', { timeout: 180_000 }, async () => {
    const config = temporaryFile(`${SECRETS}[replay]\npath = "${temporaryDirectory()}"\n`);
    let offered: string[] = [];
    let deaths = 0;
    const accepted = new Set<string>();
    let again = 0;
    const liveAndDie = async (): Promise<void> => {
      while ((deaths += 1) <= DEATHS) {
        // What the lives before were offered, answered or not, and new ones.
        const tokens = [...offered, ...Array.from({ length: BATCH }, mint)];
        const answers = await live(config, tokens);
        for (const [index, answer] of answers.entries()) {
          const token = tokens[index] ?? '';
          if (answer !== '1') continue;
          if (accepted.has(token)) again += 1;
          accepted.add(token);
        }
        const onTheirWay = tokens.slice(answers.length, answers.length + AGAIN);
        offered = [...[...accepted].slice(-AGAIN), ...onTheirWay];
      }
    };
    await Promise.all(Array.from({ length: LIVING }, liveAndDie));
    expect(again).toBe(0);
    expect(accepted.size).toBeGreaterThan(DEATHS * 10);
  });
});
