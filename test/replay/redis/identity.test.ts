import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { timeStepAt } from '../../../src/credential/otp.js';
import { RedisReplayCache } from '../../../src/replay/redis/redis-cache.js';
import type { ConsumeResult, TokenUse } from '../../../src/replay/replay-cache.js';
import { Clock } from '../../support/system/clock.js';
import { hasRedis, redisSettings, RedisServer } from '../../support/servers/redis.js';
import { requirePackage } from '../../support/run/requirements.js';

const AHEAD = 4;
const FAR_AHEAD = 8;
const ROUNDS = 5;
/** The next attempt to connect is made within 400 ms; the rest is for a busy machine. */
const RECOVERED_WITHIN = 20_000;
const HOUR_SECONDS = 3600;
/** How long an epoch stamp stays trusted. */
const TRUST_MILLISECONDS = 1000;

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

async function start(env: NodeJS.ProcessEnv = {}, args: string[] = []): Promise<RedisServer> {
  const redis = await RedisServer.start(args, env);
  onTestFinished(() => redis.remove());
  return redis;
}

function open(redis: RedisServer, clock?: () => number): RedisReplayCache {
  const cache = new RedisReplayCache(redisSettings(redis.url), clock);
  onTestFinished(() => cache.close());
  return cache;
}

const fresh = (ahead = AHEAD): TokenUse => ({ id: randomUUID(), timeStep: timeStepAt(Date.now()) + ahead });

async function follow(replica: RedisServer, primary: RedisServer): Promise<void> {
  replica.cli('replicaof', '127.0.0.1', String(primary.port));
  await expect.poll(() => replica.cli('info', 'replication')).toContain('master_link_status:up');
}

async function retry(cache: RedisReplayCache, use: () => TokenUse): Promise<ConsumeResult | undefined> {
  let consume: ConsumeResult | undefined;
  const deadline = Date.now() + RECOVERED_WITHIN;
  while (consume === undefined && Date.now() < deadline) {
    consume = await cache.consume(use()).catch(() => undefined);
    await sleep(10);
  }
  return consume;
}

describe('a Redis that', () => {
  it('was a replica for a while, on the same connection, refuses tokens that the other one may not know', async () => {
    const [primary, other] = [await start(), await start()];
    await follow(other, primary);
    const cache = open(primary);
    const [known, unknown] = [fresh(), fresh()];
    expect(await cache.consume(known)).toBe('consumed');
    await expect.poll(() => other.keys('test:step:*').length).toBe(16);
    other.cli('replicaof', 'no', 'one');
    expect(await cache.consume(unknown)).toBe('consumed');
    await follow(primary, other);
    primary.cli('replicaof', 'no', 'one');
    await sleep(TRUST_MILLISECONDS);
    for (const process of [cache, open(primary)]) {
      expect(await process.consume(known)).toBe('replay-unknown');
      expect(await process.consume(unknown)).toBe('replay-unknown');
    }
    expect(await cache.consume(fresh(FAR_AHEAD))).toBe('consumed');
  });

  it('restarts with its clock an hour behind accepts no used token again when the clock is right', async (context) => {
    const machine = Clock.create();
    requirePackage(context, machine !== undefined, 'gcc');
    if (machine === undefined) return;
    const redis = await start(machine.env);
    redis.beginLongAgo('test:');
    const cache = open(redis);
    const used = { id: 'used', timeStep: timeStepAt(Date.now()) + 1 };
    expect(await cache.consume(used)).toBe('consumed');
    await redis.stop();
    machine.set(-HOUR_SECONDS);
    await redis.start();
    await sleep(500);
    await expect(cache.consume(fresh(1))).rejects.toThrow('ahead of that of Redis: correct both (NTP)');
    expect(redis.keys('*epoch')).toEqual([]);
    machine.set(0);
    expect(await cache.consume(used)).toBe('replay-unknown');
    expect(await open(redis).consume(used)).toBe('replay-unknown');
    expect(await cache.consume(fresh())).toBe('consumed');
  });

  it('changed keeps its cache epoch if that is later', async () => {
    const redis = await start();
    const cacheEpoch = Date.now() + 3_600_000;
    redis.cli('set', 'test:epoch', `another ${cacheEpoch}`);
    const cache = open(redis);
    expect(await cache.consume(fresh())).toBe('replay-unknown');
    expect(redis.cli('get', 'test:epoch').trim()).toMatch(new RegExp(`^\\w+-\\w+ ${cacheEpoch}$`));
    expect(await cache.consume(fresh(FAR_AHEAD + 120))).toBe('consumed');
  });

  it('is available has its cache epoch then, not at the first login', async () => {
    const redis = await start();
    open(redis);
    await expect.poll(() => redis.keys('test:epoch')).toEqual(['test:epoch']);
  });

  it.for<[string, string[]]>([
    ['nothing', []],
    ['what was on the disk', ['--appendonly', 'yes', '--appendfsync', 'everysec']],
  ])(
    'crashes at any moment, and restarts with %s, accepts nothing twice',
    { timeout: 60_000 },
    async ([, args], context) => {
      const machine = Clock.create();
      requirePackage(context, machine !== undefined, 'gcc');
      if (machine === undefined) return;
      const redis = await start(machine.env, args);
      const caches = [open(redis, machine.now), open(redis, machine.now)];
      const accepted = new Map<string, number>();
      const offer = async (use: TokenUse): Promise<void> => {
        const consumes = await Promise.allSettled(caches.map((cache) => cache.consume(use)));
        for (const consume of consumes) {
          const isIn = consume.status === 'fulfilled' && consume.value === 'consumed';
          if (isIn) accepted.set(use.id, (accepted.get(use.id) ?? 0) + 1);
        }
      };
      for (let round = 0; round < ROUNDS; round += 1) {
        // Past the cache epoch.
        machine.set(120 * (round + 1));
        const present = timeStepAt(machine.now());
        const uses = Array.from({ length: 300 }, (_, index) => ({
          id: randomUUID(),
          timeStep: present - 1 + (index % 3),
        }));
        await Promise.all(uses.slice(0, 100).map(offer));
        const offers = Promise.all(uses.slice(100).map(offer));
        await sleep(Math.random() * 10);
        redis.signal('SIGKILL');
        await offers;
        await redis.stop();
        await redis.start();
        for (const later of [0, 20, 40]) {
          machine.set(120 * (round + 1) + later);
          for (const cache of caches) await retry(cache, () => ({ id: randomUUID(), timeStep: 1 }));
          await Promise.all(uses.map(offer));
        }
      }
      expect(accepted.size).toBeGreaterThan(ROUNDS * 100);
      expect(Math.max(...accepted.values())).toBe(1);
    },
  );
});
