import { once } from 'node:events';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { mintMany } from '../support/many-tokens.js';
import { hasRedis, RedisServer } from '../support/servers/redis.js';
import { requirePackage } from '../support/run/requirements.js';
import { startXtokend } from '../support/xtokend.js';

const PROCESSES = 8;
const TOKENS = 50_000;
/** So few that Redis, which shares the processors with eight processes, meets most deadlines. */
const TOKENS_WITH_REDIS = 10_000;

/** Sends the same tokens to several processes at the same moment, and returns the answers of each in the tokens' order. */
async function sendToAll(config: string, tokens: number): Promise<string[][]> {
  const children = Array.from({ length: PROCESSES }, () => startXtokend([], { XTOKEND_CONFIG: config }));
  onTestFinished(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  const answers = children.map((child) => {
    let text = '';
    child.stderr.resume();
    child.stdout.on('data', (data: Buffer) => (text += data.toString()));
    return once(child, 'close').then(() => text.trimEnd().split('\n'));
  });
  // Wait until all have started, so that none has a head start.
  for (const child of children) child.stdin.write('isuser:a:b\n');
  await Promise.all(children.map((child) => once(child.stdout, 'data')));
  const requests = mintMany(tokens).map((token) => `auth:a:b:${token}\n`);
  const orders = children.map((_, index) => orderOf(index, tokens));
  for (const [index, child] of children.entries()) {
    child.stdin.end((orders[index] ?? []).map((token) => requests[token]).join(''));
  }
  return (await Promise.all(answers)).map(([, ...own], index) => {
    const byToken: string[] = [];
    own.forEach((answer, position) => (byToken[orders[index]?.[position] ?? -1] = answer));
    return byToken;
  });
}

/**
 * Returns the order in which a process gets the tokens. The first half is the same for all, so that they compete for each token. In the
 * second half each begins elsewhere: otherwise the process that is ahead could win all.
 */
function orderOf(process: number, tokens: number): number[] {
  const half = tokens / 2;
  const start = (process * half) / PROCESSES;
  return Array.from({ length: tokens }, (_, position) =>
    position < half ? position : half + ((position + start) % half),
  );
}

/** @param maxRefused how many tokens all processes may refuse, because the store answered after the deadline */
function expectOnce(answers: readonly string[][], tokens: number, maxRefused = 0): void {
  expect(answers.map((own) => own.length)).toEqual(Array.from({ length: PROCESSES }, () => tokens));
  const accepted = Array.from(
    { length: tokens },
    (_, index) => answers.filter((own) => own[index] === '1').length,
  );
  expect(Math.max(...accepted)).toBe(1);
  expect(accepted.filter((count) => count === 0).length).toBeLessThanOrEqual(maxRefused);
  // They ran at the same time.
  expect(answers.filter((own) => own.includes('1')).length).toBeGreaterThan(1);
}

describe('many tokens, each sent to eight processes at the same moment', { timeout: 80_000 }, () => {
  it('are each accepted once with the journal', async () => {
    const config = temporaryFile(`${SECRETS}[replay]\npath = "${temporaryDirectory()}"\n`);
    expectOnce(await sendToAll(config, TOKENS), TOKENS);
  });

  describe('with Redis', () => {
    let redis: RedisServer;
    beforeEach(async (context) => {
      requirePackage(context, hasRedis(), 'redis-server');
      redis = await RedisServer.start();
      onTestFinished(() => redis.remove());
      redis.beginLongAgo('xtokend:');
    });

    it('are each accepted once', async () => {
      const replay = `[replay]\nstore = "redis"\nurl = "${redis.url}"\n`;
      // Eight processes and Redis share the processors, so a reply can miss the deadline.
      const answers = await sendToAll(temporaryFile(SECRETS + replay), TOKENS_WITH_REDIS);
      expectOnce(answers, TOKENS_WITH_REDIS, TOKENS_WITH_REDIS / 10);
    });
  });
});
