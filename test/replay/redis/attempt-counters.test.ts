import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { requirePackage } from '../../support/run/requirements.js';
import { freePort } from '../../support/system/ports.js';
import { hasRedis, type RedisServer } from '../../support/servers/redis.js';
import {
  addresses,
  ALICE,
  ATTACKER,
  guess,
  LIMITS,
  logIn,
  openConnected,
  openThrottle,
  settled,
  startRedis,
} from '../../support/shared-throttle.js';

const SHORT = 1500;

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

function expectExpiries(redis: RedisServer): void {
  const keys = redis.keys('test:*');
  expect(keys).not.toEqual([]);
  for (const key of keys) expect(Number(redis.cli('pttl', key))).toBeGreaterThan(0);
}

describe('counters in Redis', () => {
  it.each<[string, (string | undefined)[], number]>([
    ['one address', [ATTACKER], LIMITS.userFromAddress],
    ['100 addresses', addresses, LIMITS.user],
    ['no address', [undefined], LIMITS.user],
  ])('are shared: guesses from %s get the limit once', async (_, from, expected) => {
    const redis = await startRedis();
    const both = [await openConnected(redis.url), await openConnected(redis.url)];
    expect(await guess(300, both, from)).toBe(expected);
    expect(await guess(300, both, from)).toBe(0);
    expect(both.flatMap(({ warnings }) => warnings)).toEqual([]);
    expectExpiries(redis);
  });

  it('share known addresses, which the limit of the user does not apply to', async () => {
    const redis = await startRedis();
    const [first, second] = [await openConnected(redis.url), await openConnected(redis.url)];
    expect(await logIn(first, '192.0.2.1')).toBe(true);
    await settled(first);
    expect(Number(redis.cli('pttl', redis.keys('test:*known*')[0] ?? ''))).toBeGreaterThan(
      6 * 24 * 3_600_000,
    );
    expect(await guess(200, [first, second], addresses)).toBe(LIMITS.user);
    expect(await logIn(second, '192.0.2.1')).toBe(true);
    expect(await logIn(second, '192.0.2.2')).toBe(false);
    expect(await guess(100, [second], ['192.0.2.1'])).toBeLessThanOrEqual(LIMITS.userFromAddress);
  });

  it('count nothing that was refused by another limit', async () => {
    const redis = await startRedis();
    const opened = await openConnected(redis.url);
    expect(await guess(300, [opened], [ATTACKER])).toBe(LIMITS.userFromAddress);
    expect(await logIn(opened, '192.0.2.1')).toBe(true);
    await settled(opened);
    expect(await guess(200, [opened], addresses)).toBe(LIMITS.user - LIMITS.userFromAddress);
  });

  it('take back what succeeded or was given back, and keep the expiry', async () => {
    const redis = await startRedis();
    const opened = await openConnected(redis.url);
    for (let count = 0; count < 30; count += 1) {
      const admission = await opened.throttle.admit(ALICE, ATTACKER);
      expect(admission).toBeDefined();
      if (count % 2 === 0) admission?.release();
      else admission?.succeeded();
    }
    await settled(opened);
    expectExpiries(redis);
    for (const key of redis.keys('test:*:600000:*')) expect(redis.cli('get', key)).toMatch(/^0 \d{13}\n$/);
    expect(opened.warnings).toEqual([]);
  });

  it('start again with each window, which refused attempts do not extend', async () => {
    const redis = await startRedis();
    const opened = await openConnected(redis.url, { window: SHORT });
    const begin = Date.now();
    expect(await guess(100, [opened], [ATTACKER])).toBe(LIMITS.userFromAddress);
    while (Date.now() - begin < SHORT) {
      await sleep(50);
      if (Date.now() - begin < SHORT / 2)
        expect(await opened.throttle.admit(ALICE, ATTACKER)).toBeUndefined();
    }
    await expect.poll(() => redis.keys('test:*')).toEqual([]);
  });

  it('keep the end of a window, and take back nothing of an earlier one', async () => {
    const redis = await startRedis();
    const { counters } = await openConnected(redis.url);
    const bucket = { limit: 'user', name: '00ff' } as const;
    const attempt = { limits: LIMITS, buckets: [bucket], login: undefined };
    const first = await counters.count(attempt);
    await sleep(20);
    expect(await counters.count(attempt)).toEqual(first);
    await counters.release({ attempt, ends: [1_700_000_000_000] }, false);
    expect(redis.cli('get', 'test:{passwords}:user:600000:00ff')).toMatch(/^2 /);
  });

  it('that have lost their expiry expire nevertheless', async () => {
    const redis = await startRedis();
    const opened = await openConnected(redis.url, { window: SHORT });
    expect(await guess(100, [opened], [ATTACKER])).toBe(LIMITS.userFromAddress);
    for (const key of redis.keys('test:*')) redis.cli('persist', key);
    await expect.poll(() => opened.throttle.admit(ALICE, ATTACKER)).toBeDefined();
    expectExpiries(redis);
  });

  it('name no user and no address', async () => {
    const redis = await startRedis();
    const opened = await openConnected(redis.url);
    await logIn(opened, '192.0.2.1');
    await settled(opened);
    const keys = redis.keys('*');
    expect(keys).toHaveLength(4);
    const bucket = /^test:\{passwords\}:(?:userFromAddress|address|user):600000:[0-9a-f]{4}$/;
    for (const key of keys)
      expect(key).toMatch(key.includes(':known:') ? /^test:\{passwords\}:known:[0-9a-f]{64}$/ : bucket);
  });

  it('need no more than the documented permissions', async () => {
    const redis = await startRedis();
    const [, list = ''] = /`((?:\+\w+\s+)+\+\w+)`/.exec(readFileSync('docs/replay.md', 'utf8')) ?? [];
    redis.cli('acl', 'setuser', 'chat', 'on', '>secret', '~test:*', ...list.split(/\s+/));
    const user = { username: 'chat', password: 'secret' };
    const opened = await openConnected(redis.url, {}, user);
    expect(await logIn(opened, ATTACKER)).toBe(true);
    await settled(opened);
    expect(await guess(100, [opened], [ATTACKER])).toBe(LIMITS.userFromAddress);
    expect(opened.warnings).toEqual([]);
    for (const needed of ['eval', 'time', 'get', 'set']) {
      redis.cli('acl', 'setuser', 'chat', `-${needed}`);
      const without = openThrottle(redis.url, {}, user);
      expect(await logIn(without, '192.0.2.1')).toBe(true);
      expect(without.warnings).toEqual([expect.stringContaining('lacks permissions: +hsetnx ')]);
      redis.cli('acl', 'setuser', 'chat', `+${needed}`);
    }
  });

  it('are on one node of a cluster', async () => {
    const bus = ['--cluster-port', String(await freePort())];
    // A node that has met no other one does not know its address.
    const redis = await startRedis('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', ...bus);
    redis.cli('cluster', 'addslotsrange', '0', '16383');
    await expect.poll(() => redis.cli('cluster', 'info')).toContain('state:ok');
    const both = [
      await openConnected(redis.url, {}, { isCluster: true }),
      await openConnected(redis.url, {}, { isCluster: true }),
    ];
    await Promise.all(both.map((opened) => logIn(opened, '192.0.2.1')));
    await Promise.all(both.map(settled));
    expect(await guess(300, both, [ATTACKER])).toBe(LIMITS.userFromAddress);
    expect(both.flatMap(({ warnings }) => warnings)).toEqual([]);
  });
});
