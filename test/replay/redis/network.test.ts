import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { timeStepAt } from '../../../src/credential/otp.js';
import { RedisReplayCache } from '../../../src/replay/redis/redis-cache.js';
import type { TokenUse } from '../../../src/replay/replay-cache.js';
import { temporaryDirectory } from '../../support/directory.js';
import { end } from '../../support/system/processes.js';
import { hasRedis, redisSettings } from '../../support/servers/redis.js';
import { requirePackage } from '../../support/run/requirements.js';

const NAMESPACE = `xtokend-${process.pid}`;
const OUTSIDE = `xto${process.pid}`;
/** Of the addresses for tests (RFC 2544): nobody else has them. */
const [NEAR, FAR] = ['198.18.213.1', '198.18.213.2'];

const fresh = (): TokenUse => ({ id: randomUUID(), timeStep: timeStepAt(Date.now()) + 4 });
const ip = (...args: string[]): unknown => execFileSync('ip', args, { stdio: 'pipe' });
const inside = (...args: string[]): unknown => ip('netns', 'exec', NAMESPACE, 'ip', ...args);

function hasNamespaces(): boolean {
  const made = spawnSync('ip', ['netns', 'add', NAMESPACE]).status === 0;
  if (made) ip('netns', 'del', NAMESPACE);
  return made;
}

/** Connects two network namespaces; the link can be cut without an error on either side. */
function connectNamespace(): void {
  ip('netns', 'add', NAMESPACE);
  onTestFinished(() => {
    ip('netns', 'del', NAMESPACE);
  });
  ip('link', 'add', OUTSIDE, 'type', 'veth', 'peer', 'name', 'inside', 'netns', NAMESPACE);
  ip('addr', 'add', `${NEAR}/30`, 'dev', OUTSIDE);
  ip('link', 'set', OUTSIDE, 'up');
  inside('addr', 'add', `${FAR}/30`, 'dev', 'inside');
  inside('link', 'set', 'inside', 'up');
}

async function expectConsumed(cache: RedisReplayCache, milliseconds: number): Promise<void> {
  const begin = Date.now();
  while ((await cache.consume(fresh()).catch(() => undefined)) !== 'consumed') {
    if (Date.now() - begin > milliseconds) throw new Error(`expected a consume within ${milliseconds} ms`);
    await sleep(20);
  }
}

describe('a network that drops everything', () => {
  it('is noticed in time, and so is its recovery', async (context) => {
    requirePackage(context, hasRedis() && hasNamespaces(), 'redis-server and iproute2 (as root)');
    connectNamespace();
    const server = [
      'redis-server',
      '--bind',
      FAR,
      '--protected-mode',
      'no',
      '--save',
      '',
      '--dir',
      temporaryDirectory(),
    ];
    const redis = spawn('ip', ['netns', 'exec', NAMESPACE, ...server], { stdio: 'ignore' });
    onTestFinished(() => end(redis));
    const cache = new RedisReplayCache(redisSettings(`redis://${FAR}:6379`));
    onTestFinished(() => cache.close());
    await expectConsumed(cache, 10_000);
    inside('link', 'set', 'inside', 'down');
    const cut = Date.now();
    // So long that TCP would not retry for some seconds by itself.
    while (Date.now() - cut < 5000) {
      const begin = Date.now();
      await expect(cache.consume(fresh())).rejects.toThrow(`redis://${FAR}:6379: `);
      expect(Date.now() - begin).toBeLessThan(4000);
    }
    inside('link', 'set', 'inside', 'up');
    await expectConsumed(cache, 3000);
  });
});
