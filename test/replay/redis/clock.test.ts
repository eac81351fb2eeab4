import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { timeStepAt } from '../../../src/credential/otp.js';
import { RedisReplayCache } from '../../../src/replay/redis/redis-cache.js';
import type { ConsumeResult } from '../../../src/replay/replay-cache.js';
import { Clock } from '../../support/system/clock.js';
import { hasRedis, redisSettings, RedisServer } from '../../support/servers/redis.js';
import { requirePackage } from '../../support/run/requirements.js';

const HOUR_SECONDS = 3600;
const TOKENS = 2000;
const AT_A_TIME = 20;

describe('a clock of Redis that is an hour ahead for a moment', () => {
  it('makes no used token valid again, whatever has expired by then', async (context) => {
    const machine = Clock.create();
    requirePackage(context, hasRedis() && machine !== undefined, 'redis-server and gcc');
    if (machine === undefined) return;
    const redis = await RedisServer.start([], machine.env);
    onTestFinished(() => redis.remove());
    redis.beginLongAgo('test:');
    const cache = new RedisReplayCache(redisSettings(redis.url));
    onTestFinished(() => cache.close());
    const timeStep = timeStepAt(Date.now());
    const uses = Array.from({ length: TOKENS }, (_, index) => ({
      id: `${index}`,
      timeStep: timeStep + (index % 2),
    }));
    // Not all at once: on a busy machine some would time out.
    const offer = async (): Promise<ConsumeResult[]> => {
      const consumes: ConsumeResult[] = [];
      for (let at = 0; at < TOKENS; at += AT_A_TIME) {
        consumes.push(
          ...(await Promise.all(uses.slice(at, at + AT_A_TIME).map((use) => cache.consume(use)))),
        );
      }
      return consumes;
    };
    expect(new Set(await offer())).toEqual(new Set(['consumed']));
    machine.set(HOUR_SECONDS);
    // Redis samples expired keys ten times a second.
    await sleep(110);
    machine.set(0);
    expect(await offer()).not.toContain('consumed');
    expect(await cache.consume({ id: 'new', timeStep: timeStep + 2 })).toBe('consumed');
  });
});

describe('a clock of Redis and of this machine that is an hour ahead for a while', () => {
  it('makes no used token valid again, and makes no login fail afterwards', async (context) => {
    const machine = Clock.create();
    requirePackage(context, hasRedis() && machine !== undefined, 'redis-server and gcc');
    if (machine === undefined) return;
    const redis = await RedisServer.start([], machine.env);
    onTestFinished(() => redis.remove());
    redis.beginLongAgo('test:');
    const open = (): RedisReplayCache => {
      const cache = new RedisReplayCache(redisSettings(redis.url), machine.now);
      onTestFinished(() => cache.close());
      return cache;
    };
    const cache = open();
    const timeStep = timeStepAt(machine.now());
    const [now, ahead] = [
      { id: 'now', timeStep },
      { id: 'ahead', timeStep: timeStep + 120 },
    ];
    expect(await cache.consume(now)).toBe('consumed');
    const hashes = redis.keys(`test:step:${timeStep}:*`);
    expect(hashes.length).toBe(16);
    machine.set(HOUR_SECONDS);
    expect(await cache.consume(ahead)).toBe('consumed');
    // A key that is read after its expiry is deleted.
    expect(redis.cli('exists', ...hashes).trim()).toBe('0');
    machine.set(0);
    await sleep(200);
    for (const process of [cache, open()]) {
      expect(await process.consume(now)).toBe('replay-unknown');
      expect(await process.consume(ahead)).toBe('replayed');
    }
    expect(await cache.consume({ id: 'new', timeStep: timeStep + 1 })).toBe('consumed');
    machine.set(-HOUR_SECONDS);
    expect(await cache.consume({ id: 'old', timeStep: timeStep - 120 })).toBe('consumed');
    machine.set(0);
    expect(await open().consume({ id: 'new', timeStep: timeStep + 1 })).toBe('replayed');
  });
});
