import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { timeStepAt } from '../../../src/credential/otp.js';
import { RedisReplayCache } from '../../../src/replay/redis/redis-cache.js';
import { Clock } from '../../support/system/clock.js';
import { hasRedis, redisSettings, RedisServer } from '../../support/servers/redis.js';
import { requirePackage } from '../../support/run/requirements.js';

/** Past the cache epoch of data that start when the databases are swapped. */
const LATER_SECONDS = 120;

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

describe('a database that is swapped away and back', () => {
  it.for<[string, (redis: RedisServer, living: RedisReplayCache) => RedisReplayCache | undefined]>([
    ['the process that consumed a token', (_, living) => living],
    ['a process that is started later', () => undefined],
    [
      'the process that consumed a token, and statistics were reset',
      (redis, living) => {
        redis.cli('config', 'resetstat');
        return living;
      },
    ],
  ])('lacks the tokens used meanwhile: %s refuses them', async ([, choose], context) => {
    const machine = Clock.create();
    requirePackage(context, machine !== undefined, 'gcc');
    if (machine === undefined) return;
    const redis = await RedisServer.start([], machine.env);
    onTestFinished(() => redis.remove());
    const open = (): RedisReplayCache => {
      const cache = new RedisReplayCache(redisSettings(redis.url), machine.now);
      onTestFinished(() => cache.close());
      return cache;
    };
    redis.beginLongAgo('test:');
    const cache = open();
    const now = (): number => timeStepAt(machine.now());
    expect(await cache.consume({ id: randomUUID(), timeStep: now() })).toBe('consumed');
    redis.cli('swapdb', '0', '1');
    expect(await cache.consume({ id: randomUUID(), timeStep: now() })).toBe('replay-unknown');
    machine.set(LATER_SECONDS);
    const use = { id: randomUUID(), timeStep: now() + 1 };
    expect(await cache.consume(use)).toBe('consumed');
    redis.cli('swapdb', '0', '1');
    const asked = choose(redis, cache) ?? open();
    expect(await asked.consume(use)).toBe('replay-unknown');
    machine.set(2 * LATER_SECONDS);
    const next = { id: randomUUID(), timeStep: now() + 1 };
    expect(await asked.consume(next)).toBe('consumed');
    expect(await open().consume(next)).toBe('replayed');
  });
});
