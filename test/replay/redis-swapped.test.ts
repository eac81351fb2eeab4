import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { stepAt } from '../../src/credential/otp.js';
import { RedisRecord } from '../../src/replay/redis-record.js';
import { Clock } from '../support/clock.js';
import { hasRedis, redisSettings, RedisServer } from '../support/redis.js';
import { requirePackage } from '../support/requirement.js';

/** Past the epoch of data that begin when the databases are swapped. */
const LATER_SECONDS = 120;

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

describe('a database that is swapped away and back', () => {
  it.for<[string, (redis: RedisServer, living: RedisRecord) => RedisRecord | undefined]>([
    ['the process that consumed a token', (_, living) => living],
    ['a process that is started later', () => undefined],
    [
      'the process that consumed a token, and statistics were reset',
      (redis, living) => {
        redis.cli('config', 'resetstat');
        return living;
      },
    ],
  ])('has forgotten that token: %s refuses it', async ([, choose], context) => {
    const machine = Clock.create();
    requirePackage(context, machine !== undefined, 'gcc');
    if (machine === undefined) return;
    const redis = await RedisServer.start([], machine.env);
    onTestFinished(() => redis.remove());
    const open = (): RedisRecord => {
      const record = new RedisRecord(redisSettings(redis.url), machine.now);
      onTestFinished(() => record.close());
      return record;
    };
    redis.beginLongAgo('test:');
    const record = open();
    const now = (): number => stepAt(machine.now());
    expect(await record.claim({ id: randomUUID(), step: now() })).toBe('claimed');
    redis.cli('swapdb', '0', '1');
    expect(await record.claim({ id: randomUUID(), step: now() })).toBe('before-horizon');
    machine.set(LATER_SECONDS);
    const use = { id: randomUUID(), step: now() + 1 };
    expect(await record.claim(use)).toBe('claimed');
    redis.cli('swapdb', '0', '1');
    const asked = choose(redis, record) ?? open();
    expect(await asked.claim(use)).toBe('before-horizon');
    machine.set(2 * LATER_SECONDS);
    const next = { id: randomUUID(), step: now() + 1 };
    expect(await asked.claim(next)).toBe('claimed');
    expect(await open().claim(next)).toBe('replayed');
  });
});
