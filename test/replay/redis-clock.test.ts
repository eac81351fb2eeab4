import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stepAt } from '../../src/credential/otp.js';
import { RedisRecord } from '../../src/replay/redis-record.js';
import { Clock } from '../support/clock.js';
import { hasRedis, redisSettings, RedisServer } from '../support/redis.js';
import { requirePackage } from '../support/requirement.js';

const HOUR_SECONDS = 3600;

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
    machine.set(HOUR_SECONDS);
    expect(await record.claim(ahead)).toBe('claimed');
    // Redis looks for what has expired ten times a second.
    await expect.poll(() => redis.cli('exists', `test:step:${step}`).trim(), { timeout: 5000 }).toBe('0');
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
