import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { timeStepAt } from '../../../src/credential/otp.js';
import { RedisReplayCache } from '../../../src/replay/redis/redis-cache.js';
import { hasRedis, redisSettings, RedisServer } from '../../support/redis.js';
import { requirePackage } from '../../support/requirement.js';

const present = (): number => timeStepAt(Date.now());
/** The first step after the horizon of data that begin now. */
const AHEAD = 4;

let redis: RedisServer;

beforeEach(async (context) => {
  requirePackage(context, hasRedis(), 'redis-server');
  redis = await RedisServer.start();
  onTestFinished(() => redis.remove());
});

function open(url = redis.url, clock?: () => number): RedisReplayCache {
  const cache = new RedisReplayCache(redisSettings(url), clock);
  onTestFinished(() => cache.close());
  return cache;
}

describe('RedisRecord', () => {
  it.each(['TCP', 'a Unix socket'])(
    'lets a credential be claimed once, by whichever process, over %s',
    async (way) => {
      const url = way === 'TCP' ? redis.url : `unix:${redis.socket}`;
      const [first, second] = [open(url), open(url)];
      const use = { id: 'a', timeStep: present() + AHEAD };
      expect(await first.consume(use)).toBe('consumed');
      expect(await second.consume(use)).toBe('replayed');
      expect(await first.consume(use)).toBe('replayed');
      expect(await open(url).consume(use)).toBe('replayed');
      expect(await second.consume({ ...use, id: 'b' })).toBe('consumed');
    },
  );
  it('refuses what could have been used before the data began', async () => {
    const cache = open();
    const timeStep = present();
    for (const old of [timeStep - 1, timeStep, timeStep + 1]) {
      expect(await cache.consume({ id: 'a', timeStep: old })).toBe('replay-unknown');
    }
    expect(await cache.consume({ id: 'b', timeStep: timeStep + AHEAD })).toBe('consumed');
  });
});
