import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { stepAt } from '../../src/credential/otp.js';
import { RedisRecord } from '../../src/replay/redis-record.js';
import type { Claim, Use } from '../../src/replay/replay-record.js';
import { Clock } from '../support/clock.js';
import { hasRedis, redisSettings, RedisServer } from '../support/redis.js';
import { requirePackage } from '../support/requirement.js';

const AHEAD = 4;
const FAR_AHEAD = 8;
const ROUNDS = 5;
const HOUR_SECONDS = 3600;
const WAIT = { timeout: 20_000 };
/** For so long a server is taken for what it was. */
const TRUST_MILLISECONDS = 1000;

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

async function start(env: NodeJS.ProcessEnv = {}, args: string[] = []): Promise<RedisServer> {
  const redis = await RedisServer.start(args, env);
  onTestFinished(() => redis.remove());
  return redis;
}

function open(redis: RedisServer, clock?: () => number): RedisRecord {
  const record = new RedisRecord(redisSettings(redis.url), clock);
  onTestFinished(() => record.close());
  return record;
}

const fresh = (ahead = AHEAD): Use => ({ id: randomUUID(), step: stepAt(Date.now()) + ahead });

async function follow(replica: RedisServer, primary: RedisServer): Promise<void> {
  replica.cli('replicaof', '127.0.0.1', String(primary.port));
  await expect.poll(() => replica.cli('info', 'replication'), WAIT).toContain('master_link_status:up');
}

async function retry(record: RedisRecord, use: () => Use): Promise<Claim | undefined> {
  let claim: Claim | undefined;
  const deadline = Date.now() + 3000;
  while (claim === undefined && Date.now() < deadline) {
    claim = await record.claim(use()).catch(() => undefined);
    await sleep(10);
  }
  return claim;
}

describe('a Redis that', () => {
  it('was a replica for a while, on the same connection, has forgotten what the other did not know', async () => {
    const [primary, other] = [await start(), await start()];
    await follow(other, primary);
    const record = open(primary);
    const [known, unknown] = [fresh(), fresh()];
    expect(await record.claim(known)).toBe('claimed');
    await expect.poll(() => other.keys('test:step:*').length, WAIT).toBe(16);
    other.cli('replicaof', 'no', 'one');
    expect(await record.claim(unknown)).toBe('claimed');
    await follow(primary, other);
    primary.cli('replicaof', 'no', 'one');
    await sleep(TRUST_MILLISECONDS);
    for (const process of [record, open(primary)]) {
      expect(await process.claim(known)).toBe('before-horizon');
      expect(await process.claim(unknown)).toBe('before-horizon');
    }
    expect(await record.claim(fresh(FAR_AHEAD))).toBe('claimed');
  });

  it('has come back with its clock an hour behind takes nothing of before again when that is right', async (context) => {
    const machine = Clock.create();
    requirePackage(context, machine !== undefined, 'gcc');
    if (machine === undefined) return;
    const redis = await start(machine.env);
    redis.beginLongAgo('test:');
    const record = open(redis);
    const used = { id: 'used', step: stepAt(Date.now()) + 1 };
    expect(await record.claim(used)).toBe('claimed');
    await redis.stop();
    machine.set(-HOUR_SECONDS);
    await redis.start();
    await sleep(500);
    await expect(record.claim(fresh(1))).rejects.toThrow('ahead of that of Redis: set both right (NTP)');
    expect(redis.keys('*began')).toEqual([]);
    machine.set(0);
    expect(await record.claim(used)).toBe('before-horizon');
    expect(await open(redis).claim(used)).toBe('before-horizon');
    expect(await record.claim(fresh())).toBe('claimed');
  });

  it('changed keeps the horizon that it had, where that is later', async () => {
    const redis = await start();
    const horizon = Date.now() + 3_600_000;
    redis.cli('set', 'test:began', `another ${horizon}`);
    const record = open(redis);
    expect(await record.claim(fresh())).toBe('before-horizon');
    expect(redis.cli('get', 'test:began').trim()).toMatch(new RegExp(`^\\w+-\\w+ ${horizon}$`));
    expect(await record.claim(fresh(FAR_AHEAD + 120))).toBe('claimed');
  });

  it('is there has its horizon then, not at the first login', async () => {
    const redis = await start();
    open(redis);
    await expect.poll(() => redis.keys('test:began'), WAIT).toEqual(['test:began']);
  });

  it.for<[string, string[]]>([
    ['nothing', []],
    ['what was on the disk', ['--appendonly', 'yes', '--appendfsync', 'everysec']],
  ])(
    'dies at any moment, and comes back with %s, takes nothing twice',
    { timeout: 60_000 },
    async ([, args], context) => {
      const machine = Clock.create();
      requirePackage(context, machine !== undefined, 'gcc');
      if (machine === undefined) return;
      const redis = await start(machine.env, args);
      const records = [open(redis, machine.now), open(redis, machine.now)];
      const accepted = new Map<string, number>();
      const offer = async (use: Use): Promise<void> => {
        const claims = await Promise.allSettled(records.map((record) => record.claim(use)));
        for (const claim of claims) {
          const isIn = claim.status === 'fulfilled' && claim.value === 'claimed';
          if (isIn) accepted.set(use.id, (accepted.get(use.id) ?? 0) + 1);
        }
      };
      for (let round = 0; round < ROUNDS; round += 1) {
        // Past the horizon.
        machine.set(120 * (round + 1));
        const present = stepAt(machine.now());
        const uses = Array.from({ length: 300 }, (_, index) => ({
          id: randomUUID(),
          step: present - 1 + (index % 3),
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
          for (const record of records) await retry(record, () => ({ id: randomUUID(), step: 1 }));
          await Promise.all(uses.map(offer));
        }
      }
      expect(accepted.size).toBeGreaterThan(ROUNDS * 100);
      expect(Math.max(...accepted.values())).toBe(1);
    },
  );
});
