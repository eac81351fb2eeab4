import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { RedisSettings } from '../../../src/replay/redis/settings.js';
import { timeStepAt } from '../../../src/credential/otp.js';
import { RedisReplayCache } from '../../../src/replay/redis/redis-cache.js';
import type { ConsumeResult, TokenUse } from '../../../src/replay/replay-cache.js';
import { hasRedis, redisSettings, RedisServer } from '../../support/servers/redis.js';
import { requirePackage } from '../../support/run/requirements.js';

/** Past the cache epoch of data that start now, and of data that start during the test. */
const AHEAD = 4;
const FAR_AHEAD = 8;
/** A consume takes at most 900 ms; the rest is for a busy machine. */
const REFUSED_WITHIN = 4000;
/** The next attempt to connect is made within 400 ms; the rest is for a busy machine. */
const RECOVERED_WITHIN = 20_000;

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

async function start(...args: string[]): Promise<RedisServer> {
  const redis = await RedisServer.start(args);
  onTestFinished(() => redis.remove());
  return redis;
}

function open(url: string, others: Partial<RedisSettings> = {}, clock?: () => number): RedisReplayCache {
  const cache = new RedisReplayCache(redisSettings(url, others), clock);
  onTestFinished(() => cache.close());
  return cache;
}

const fresh = (ahead = AHEAD): TokenUse => ({ id: randomUUID(), timeStep: timeStepAt(Date.now()) + ahead });

async function expectRefused(cache: RedisReplayCache, message: string): Promise<void> {
  const begin = Date.now();
  await expect(cache.consume(fresh())).rejects.toThrow(message);
  expect(Date.now() - begin).toBeLessThan(REFUSED_WITHIN);
}

/** Consumes new tokens until one is accepted. */
async function expectRecovered(cache: RedisReplayCache, ahead = AHEAD): Promise<void> {
  const begin = Date.now();
  let consume: ConsumeResult | undefined;
  do {
    consume = await cache.consume(fresh(ahead)).catch(() => undefined);
    await sleep(10);
  } while (consume === undefined && Date.now() - begin < RECOVERED_WITHIN);
  expect(consume).toBe('consumed');
}

describe('a Redis that', () => {
  it('does not run is reported, with the fix', async () => {
    const redis = await start();
    await redis.stop();
    await expectRefused(
      open(redis.url),
      `${redis.url}: nothing listens there: start it, or correct replay.url`,
    );
    await expectRefused(open('unix:/nonexistent/redis.sock'), 'there is no such socket');
  });

  it.each<[string, string[]]>([
    ['empty', []],
    ['with what it had', ['--appendonly', 'yes', '--appendfsync', 'always']],
  ])('was restarted, %s, refuses tokens that could have been used before', async (_, args) => {
    const redis = await start(...args);
    const cache = open(redis.url);
    const [used, unused] = [fresh(), fresh()];
    const current = { id: 'b', timeStep: timeStepAt(Date.now()) + 1 };
    expect(await cache.consume(used)).toBe('consumed');
    await redis.stop();
    await expectRefused(cache, redis.url);
    await redis.start();
    await expectRecovered(cache, FAR_AHEAD);
    expect(await cache.consume(current)).toBe('replay-unknown');
    if (args.length > 0) {
      // A clock that ran ahead has used these, and the restart may have lost some of them.
      expect(await cache.consume(used)).toBe('replay-unknown');
      expect(await open(redis.url).consume(unused)).toBe('replay-unknown');
    }
  });

  it('was flushed refuses tokens that could have been used before', async () => {
    const redis = await start();
    const cache = open(redis.url);
    expect(await cache.consume(fresh())).toBe('consumed');
    redis.cli('flushall');
    expect(await cache.consume(fresh(1))).toBe('replay-unknown');
    expect(await cache.consume(fresh(FAR_AHEAD))).toBe('consumed');
  });

  it('hangs refuses in time, and accepts a token that was in flight at most once', async () => {
    const redis = await start();
    const cache = open(redis.url);
    expect(await cache.consume(fresh())).toBe('consumed');
    redis.signal('SIGSTOP');
    const use = fresh();
    const begin = Date.now();
    await expect(cache.consume(use)).rejects.toThrow(
      'no answer within 400 ms: is it stopped, overloaded or cut off?',
    );
    expect(Date.now() - begin).toBeLessThan(REFUSED_WITHIN);
    for (let count = 0; count < 5; count += 1) await expectRefused(cache, redis.url);
    redis.signal('SIGCONT');
    await expectRecovered(cache);
    const consumes = [await cache.consume(use), await cache.consume(use), await open(redis.url).consume(use)];
    expect(consumes.filter((consume) => consume === 'consumed').length).toBeLessThanOrEqual(1);
  });

  it('has no memory left refuses, and recovers', async () => {
    const redis = await start();
    const cache = open(redis.url);
    expect(await cache.consume(fresh())).toBe('consumed');
    redis.cli('config', 'set', 'maxmemory', '1');
    await expectRefused(cache, 'its memory is full (maxmemory): give it more');
    redis.cli('config', 'set', 'maxmemory', '0');
    await expectRecovered(cache);
  });

  it('may evict used tokens is not used', async () => {
    const redis = await start('--maxmemory-policy', 'allkeys-lru');
    await expectRefused(open(redis.url), '(maxmemory-policy allkeys-lru): set maxmemory-policy noeviction');
  });

  it('is a read-only replica refuses, and recovers as a primary', async () => {
    const redis = await start();
    const cache = open(redis.url);
    expect(await cache.consume(fresh())).toBe('consumed');
    redis.cli('replicaof', '127.0.0.1', '1');
    await expectRefused(cache, 'it is a replica, which is read-only: set replay.url to the primary');
    redis.cli('replicaof', 'no', 'one');
    // After a failover there and back, it has other data.
    await expectRecovered(cache, FAR_AHEAD);
  });

  it('expects another password is reported', async () => {
    const redis = await start('--requirepass', 'right');
    const message = 'it refuses the user or the password: correct replay.username and replay.password_file';
    await expectRefused(open(redis.url), message);
    await expectRefused(open(redis.url, { password: 'wrong' }), message);
    expect(await open(redis.url, { password: 'right' }).consume(fresh())).toBe('consumed');
  });

  it('has another time is reported', async () => {
    const redis = await start();
    const message =
      /the clock of this machine is about 6\d s (ahead of|behind) that of Redis: correct both \(NTP\)/;
    for (const difference of [-63_000, 63_000]) {
      const cache = open(redis.url, {}, () => Date.now() + difference);
      await expect(cache.consume(fresh())).rejects.toThrow(message);
    }
  });

  it('has expired the tokens of a time step does not start it again', async () => {
    const redis = await start();
    const [first, second] = [open(redis.url), open(redis.url)];
    const use = fresh();
    expect(await first.consume(use)).toBe('consumed');
    // As a clock does that is an hour ahead for a moment.
    for (const key of redis.keys('test:step:*')) redis.cli('pexpireat', key, '1');
    expect(await first.consume(use)).toBe('replay-unknown');
    expect(await second.consume(use)).toBe('replay-unknown');
    expect(await second.consume({ ...use, timeStep: use.timeStep + 1 })).toBe('consumed');
    expect(await first.consume({ ...use, timeStep: use.timeStep + 1 })).toBe('replayed');
  });
});
