import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { requirePackage } from '../../support/run/requirements.js';
import { FakeRedis } from '../../support/servers/fake-redis.js';
import { hasRedis } from '../../support/servers/redis.js';
import {
  addresses,
  ALICE,
  ATTACKER,
  guess,
  LIMITS,
  logIn,
  openConnected,
  openThrottle,
  startRedis,
} from '../../support/shared-throttle.js';

/** An attempt takes at most 900 ms; the rest is for a busy machine. */
const ADMITTED_WITHIN = 4000;

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

describe('a Redis that', () => {
  it('is stopped leaves each process its own counters, until it is started again', async () => {
    const redis = await startRedis();
    const both = [await openConnected(redis.url), await openConnected(redis.url)] as const;
    expect(await guess(100, both, [ATTACKER])).toBe(LIMITS.userFromAddress);
    expect(await logIn(both[0], '192.0.2.1')).toBe(true);
    await redis.stop();
    for (const opened of both) {
      expect(await guess(200, [opened], [ATTACKER])).toBe(LIMITS.userFromAddress);
      expect(await guess(200, [opened], addresses)).toBe(LIMITS.user - LIMITS.userFromAddress);
      expect(opened.warnings).toEqual([
        expect.stringMatching(
          /^limits of wrong passwords are not shared, each process counts for itself: redis:/,
        ),
      ]);
    }
    // It was known to one of them before.
    expect(await logIn(both[0], '192.0.2.1')).toBe(true);
    expect(await logIn(both[1], '192.0.2.1')).toBe(false);
    await redis.start();
    await expect
      .poll(async () => {
        await both[0].throttle.admit('bob@example.com', undefined);
        return both[0].warnings;
      })
      .toEqual([expect.anything(), 'limits of wrong passwords are shared again']);
    await expect
      .poll(async () => {
        await both[1].throttle.admit('bob@example.com', undefined);
        return both[1].warnings.length;
      })
      .toBe(2);
    expect(await guess(200, both, [ATTACKER])).toBe(LIMITS.userFromAddress);
  });

  it('hangs delays one login, and is asked again when it goes on', async () => {
    const redis = await startRedis();
    const opened = await openConnected(redis.url);
    const pending = await opened.throttle.admit(ALICE, ATTACKER);
    redis.signal('SIGSTOP');
    const begin = Date.now();
    expect(await opened.throttle.admit(ALICE, ATTACKER)).toBeDefined();
    for (let count = 0; count < 20; count += 1) expect(await logIn(opened, ATTACKER)).toBe(true);
    expect(Date.now() - begin).toBeLessThan(ADMITTED_WITHIN);
    expect(opened.warnings).toHaveLength(1);
    pending?.release();
    redis.signal('SIGCONT');
    await expect
      .poll(async () => {
        await opened.throttle.admit('bob@example.com', undefined);
        return opened.warnings.length;
      })
      .toBe(2);
  });

  it.each([
    ['no array', ':1\r\n'],
    ['the reply to another attempt', '*1\r\n$1\r\nx\r\n'],
    ['nothing', '$-1\r\n'],
  ])('replies with %s is not believed', async (_, reply) => {
    const fake = await FakeRedis.start(0, ([name]) => {
      if (name === 'info') return '$9\r\nloading:0\r\n';
      return name === 'eval' ? reply : '+OK\r\n';
    });
    onTestFinished(() => fake.stop());
    const opened = openThrottle(fake.url);
    expect(await guess(100, [opened], [ATTACKER])).toBe(LIMITS.userFromAddress);
    expect(opened.warnings).toEqual([expect.stringContaining('its replies are not those of Redis')]);
  });
});
