import { once } from 'node:events';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { mintToken } from '../../src/index.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { hasRedis, RedisServer } from '../support/servers/redis.js';
import { requirePackage } from '../support/run/requirements.js';
import { startXtokend } from '../support/xtokend.js';

const PROCESSES = 8;
const TOKENS = 10_000;

/** Sends the same tokens to several processes at the same moment, and returns the answers of each in the tokens' order. */
async function sendToAll(config: string): Promise<string[][]> {
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
  const mint = (): string => mintToken({ jid: 'a@b', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
  const requests = Array.from({ length: TOKENS }, () => `auth:a:b:${mint()}\n`).join('');
  for (const child of children) child.stdin.end(requests);
  return (await Promise.all(answers)).map(([, ...own]) => own);
}

/** @param maxRefused how many tokens all processes may refuse, because the store answered after the deadline */
function expectOnce(answers: readonly string[][], maxRefused = 0): void {
  expect(answers.map((own) => own.length)).toEqual(Array.from({ length: PROCESSES }, () => TOKENS));
  const accepted = Array.from(
    { length: TOKENS },
    (_, index) => answers.filter((own) => own[index] === '1').length,
  );
  expect(Math.max(...accepted)).toBe(1);
  expect(accepted.filter((count) => count === 0).length).toBeLessThanOrEqual(maxRefused);
  // They ran at the same time.
  expect(answers.filter((own) => own.includes('1')).length).toBeGreaterThan(1);
}

describe('ten thousand tokens, each sent to eight processes at the same moment', { timeout: 80_000 }, () => {
  it('are each accepted once with the journal', async () => {
    const config = temporaryFile(`${SECRETS}[replay]\npath = "${temporaryDirectory()}"\n`);
    expectOnce(await sendToAll(config));
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
      expectOnce(await sendToAll(temporaryFile(SECRETS + replay)), TOKENS / 100);
    });
  });
});
