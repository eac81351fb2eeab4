import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { stepAt } from '../../src/credential/otp.js';
import { RedisRecord } from '../../src/replay/redis-record.js';
import { hasRedis, redisSettings, RedisServer } from '../support/redis.js';
import { requirePackage } from '../support/requirement.js';

const present = (): number => stepAt(Date.now());
/** The first step after the horizon of data that begin now. */
const AHEAD = 4;

let redis: RedisServer;

beforeEach(async (context) => {
  requirePackage(context, hasRedis(), 'redis-server');
  redis = await RedisServer.start();
  onTestFinished(() => redis.remove());
});

function open(url = redis.url, clock?: () => number): RedisRecord {
  const record = new RedisRecord(redisSettings(url), clock);
  onTestFinished(() => record.close());
  return record;
}

describe('RedisRecord', () => {
  it.each(['TCP', 'a Unix socket'])(
    'lets a credential be claimed once, by whichever process, over %s',
    async (way) => {
      const url = way === 'TCP' ? redis.url : `unix:${redis.socket}`;
      const [first, second] = [open(url), open(url)];
      const use = { id: 'a', step: present() + AHEAD };
      expect(await first.claim(use)).toBe('claimed');
      expect(await second.claim(use)).toBe('replayed');
      expect(await first.claim(use)).toBe('replayed');
      expect(await open(url).claim(use)).toBe('replayed');
      expect(await second.claim({ ...use, id: 'b' })).toBe('claimed');
    },
  );
  it('refuses what could have been used before the data began', async () => {
    const record = open();
    const step = present();
    for (const old of [step - 1, step, step + 1]) {
      expect(await record.claim({ id: 'a', step: old })).toBe('before-horizon');
    }
    expect(await record.claim({ id: 'b', step: step + AHEAD })).toBe('claimed');
  });
});
