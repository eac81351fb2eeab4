import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stepAt } from '../../src/credential/otp.js';
import { RedisRecord } from '../../src/replay/redis-record.js';
import type { Claim } from '../../src/replay/replay-record.js';
import { Clock } from '../support/clock.js';
import { hasRedis, redisSettings, RedisServer } from '../support/redis.js';
import { requirePackage } from '../support/requirement.js';

const HOUR_SECONDS = 3600;
const TOKENS = 2000;

describe('a clock of Redis that is an hour ahead for a moment', () => {
  it('makes no used token good again, whatever has expired by then', async (context) => {
    const machine = Clock.create();
    requirePackage(context, hasRedis() && machine !== undefined, 'redis-server and gcc');
    if (machine === undefined) return;
    const redis = await RedisServer.start([], machine.env);
    onTestFinished(() => redis.remove());
    redis.beginLongAgo('test:');
    const record = new RedisRecord(redisSettings(redis.url));
    onTestFinished(() => record.close());
    const step = stepAt(Date.now());
    const uses = Array.from({ length: TOKENS }, (_, index) => ({ id: `${index}`, step: step + (index % 2) }));
    // Not all at once: on a busy machine some would not be answered in time.
    const offer = async (): Promise<Claim[]> => {
      const claims: Claim[] = [];
      for (let at = 0; at < TOKENS; at += 100) {
        claims.push(...(await Promise.all(uses.slice(at, at + 100).map((use) => record.claim(use)))));
      }
      return claims;
    };
    expect(new Set(await offer())).toEqual(new Set(['claimed']));
    machine.set(HOUR_SECONDS);
    // Redis looks for what has expired ten times a second, at some of it.
    await sleep(110);
    machine.set(0);
    expect(await offer()).not.toContain('claimed');
    expect(await record.claim({ id: 'new', step: step + 2 })).toBe('claimed');
  });
});

describe('a clock that is an hour ahead for a while, of Redis and of us', () => {
  it('makes no used token good again, and keeps nobody out afterwards', async (context) => {
    const machine = Clock.create();
    requirePackage(context, hasRedis() && machine !== undefined, 'redis-server and gcc');
    if (machine === undefined) return;
    const redis = await RedisServer.start([], machine.env);
    onTestFinished(() => redis.remove());
    redis.beginLongAgo('test:');
    const open = (): RedisRecord => {
      const record = new RedisRecord(redisSettings(redis.url), machine.now);
      onTestFinished(() => record.close());
      return record;
    };
    const record = open();
    const step = stepAt(machine.now());
    const [now, ahead] = [
      { id: 'now', step },
      { id: 'ahead', step: step + 120 },
    ];
    expect(await record.claim(now)).toBe('claimed');
    const hashes = redis.keys(`test:step:${step}:*`);
    expect(hashes.length).toBe(16);
    machine.set(HOUR_SECONDS);
    expect(await record.claim(ahead)).toBe('claimed');
    // Whatever is asked for when it has expired is gone for good.
    expect(redis.cli('exists', ...hashes).trim()).toBe('0');
    machine.set(0);
    await sleep(200);
    for (const process of [record, open()]) {
      expect(await process.claim(now)).toBe('before-horizon');
      expect(await process.claim(ahead)).toBe('replayed');
    }
    expect(await record.claim({ id: 'new', step: step + 1 })).toBe('claimed');
    machine.set(-HOUR_SECONDS);
    expect(await record.claim({ id: 'old', step: step - 120 })).toBe('claimed');
    machine.set(0);
    expect(await open().claim({ id: 'new', step: step + 1 })).toBe('replayed');
  });
});
