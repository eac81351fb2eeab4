import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { RedisSettings } from '../../src/replay/redis-settings.js';
import { stepAt } from '../../src/credential/otp.js';
import { RedisRecord } from '../../src/replay/redis-record.js';
import type { Claim, Use } from '../../src/replay/replay-record.js';
import { hasRedis, redisSettings, RedisServer } from '../support/redis.js';
import { requirePackage } from '../support/requirement.js';

/** Past the horizon of data that begin now, and past that of data that begin within the test. */
const AHEAD = 4;
const FAR_AHEAD = 8;
/** A claim takes 900 ms at the most; the rest is for a busy machine. */
const REFUSED_WITHIN = 2000;
/** The next attempt to connect is made within 400 ms. */
const RECOVERED_WITHIN = 3000;

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

async function start(...args: string[]): Promise<RedisServer> {
  const redis = await RedisServer.start(args);
  onTestFinished(() => redis.remove());
  return redis;
}

function open(url: string, others: Partial<RedisSettings> = {}, clock?: () => number): RedisRecord {
  const record = new RedisRecord(redisSettings(url, others), clock);
  onTestFinished(() => record.close());
  return record;
}

const fresh = (ahead = AHEAD): Use => ({ id: randomUUID(), step: stepAt(Date.now()) + ahead });

async function expectRefused(record: RedisRecord, message: string): Promise<void> {
  const begin = Date.now();
  await expect(record.claim(fresh())).rejects.toThrow(message);
  expect(Date.now() - begin).toBeLessThan(REFUSED_WITHIN);
}

/** Offers new tokens until one is claimed. */
async function expectRecovered(record: RedisRecord, ahead = AHEAD): Promise<void> {
  const begin = Date.now();
  let claim: Claim | undefined;
  do {
    claim = await record.claim(fresh(ahead)).catch(() => undefined);
    await sleep(10);
  } while (claim === undefined && Date.now() - begin < RECOVERED_WITHIN);
  expect(claim).toBe('claimed');
}

describe('a Redis that', () => {
  it('does not run is named, with what to do', async () => {
    const redis = await start();
    await redis.stop();
    await expectRefused(
      open(redis.url),
      `${redis.url}: nobody listens there: start Redis, or correct replay.url`,
    );
    await expectRefused(open('unix:/nonexistent/redis.sock'), 'there is no such socket');
  });

  it.each<[string, string[]]>([
    ['empty', []],
    ['with what it had', ['--appendonly', 'yes', '--appendfsync', 'always']],
  ])('was restarted, %s, refuses what could have been used before', async (_, args) => {
    const redis = await start(...args);
    const record = open(redis.url);
    const [used, unused] = [fresh(), fresh()];
    const current = { id: 'b', step: stepAt(Date.now()) + 1 };
    expect(await record.claim(used)).toBe('claimed');
    await redis.stop();
    await expectRefused(record, redis.url);
    await redis.start();
    await expectRecovered(record, FAR_AHEAD);
    expect(await record.claim(current)).toBe('before-horizon');
    if (args.length > 0) {
      // A clock that ran ahead has used these: the restart may have lost some of them.
      expect(await record.claim(used)).toBe('before-horizon');
      expect(await open(redis.url).claim(unused)).toBe('before-horizon');
    }
  });

  it('was flushed refuses what could have been used before', async () => {
    const redis = await start();
    const record = open(redis.url);
    expect(await record.claim(fresh())).toBe('claimed');
    redis.cli('flushall');
    expect(await record.claim(fresh(1))).toBe('before-horizon');
    expect(await record.claim(fresh(FAR_AHEAD))).toBe('claimed');
  });

  it('hangs refuses in time, and a token that was on its way then is accepted once at the most', async () => {
    const redis = await start();
    const record = open(redis.url);
    expect(await record.claim(fresh())).toBe('claimed');
    redis.signal('SIGSTOP');
    const use = fresh();
    const begin = Date.now();
    await expect(record.claim(use)).rejects.toThrow(
      'no answer within 400 ms: is it stopped, overloaded or cut off?',
    );
    expect(Date.now() - begin).toBeLessThan(REFUSED_WITHIN);
    for (let count = 0; count < 5; count += 1) await expectRefused(record, redis.url);
    redis.signal('SIGCONT');
    await expectRecovered(record);
    const claims = [await record.claim(use), await record.claim(use), await open(redis.url).claim(use)];
    expect(claims.filter((claim) => claim === 'claimed').length).toBeLessThanOrEqual(1);
  });

  it('has no memory left refuses, and works again when it has', async () => {
    const redis = await start();
    const record = open(redis.url);
    expect(await record.claim(fresh())).toBe('claimed');
    redis.cli('config', 'set', 'maxmemory', '1');
    await expectRefused(record, 'its memory is full (maxmemory): give it more');
    redis.cli('config', 'set', 'maxmemory', '0');
    await expectRecovered(record);
  });

  it('may throw used tokens away is not used', async () => {
    const redis = await start('--maxmemory-policy', 'allkeys-lru');
    await expectRefused(open(redis.url), '(maxmemory-policy allkeys-lru): set maxmemory-policy noeviction');
  });

  it('is a replica that cannot be written to refuses, and works again as a primary', async () => {
    const redis = await start();
    const record = open(redis.url);
    expect(await record.claim(fresh())).toBe('claimed');
    redis.cli('replicaof', '127.0.0.1', '1');
    await expectRefused(record, 'it is a replica, which cannot be written to: set replay.url to the primary');
    redis.cli('replicaof', 'no', 'one');
    // There and back, it has other data.
    await expectRecovered(record, FAR_AHEAD);
  });

  it('expects another password is named', async () => {
    const redis = await start('--requirepass', 'right');
    const message = 'it refuses the user or the password: correct replay.username and replay.password_file';
    await expectRefused(open(redis.url), message);
    await expectRefused(open(redis.url, { password: 'wrong' }), message);
    expect(await open(redis.url, { password: 'right' }).claim(fresh())).toBe('claimed');
  });

  it('has another time is named', async () => {
    const redis = await start();
    const message =
      /the clock of this machine is about 6\d s (ahead of|behind) that of Redis: set both right \(NTP\)/;
    for (const difference of [-63_000, 63_000]) {
      const record = open(redis.url, {}, () => Date.now() + difference);
      await expect(record.claim(fresh())).rejects.toThrow(message);
    }
  });

  it('has let the tokens of a step expire does not begin it again', async () => {
    const redis = await start();
    const [first, second] = [open(redis.url), open(redis.url)];
    const use = fresh();
    expect(await first.claim(use)).toBe('claimed');
    // What a clock does that is an hour ahead for a moment.
    for (const key of redis.keys('test:step:*')) redis.cli('pexpireat', key, '1');
    expect(await first.claim(use)).toBe('before-horizon');
    expect(await second.claim(use)).toBe('before-horizon');
    expect(await second.claim({ ...use, step: use.step + 1 })).toBe('claimed');
    expect(await first.claim({ ...use, step: use.step + 1 })).toBe('replayed');
  });
});
