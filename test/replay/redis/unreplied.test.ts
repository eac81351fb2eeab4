import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MAX_UNREPLIED } from '../../../src/replay/redis/checked-stream.js';
import { RedisSeenUsers } from '../../../src/replay/redis/redis-cache.js';
import { FakeRedis, type Reply } from '../../support/servers/fake-redis.js';
import { freePort } from '../../support/system/ports.js';
import { redisSettings } from '../../support/servers/redis.js';

const greeting: Reply = ([name]) => (name === 'info' ? '$9\r\nloading:0\r\n' : '+OK\r\n');

describe('a Redis that does not reply in time', () => {
  it('loses its connection before unreplied commands fill the memory', async () => {
    const fake = await FakeRedis.start(await freePort(), (command, socket) =>
      command[0] === 'sismember' ? ':0\r\n' : greeting(command, socket),
    );
    onTestFinished(() => fake.stop());
    const users = new RedisSeenUsers(redisSettings(fake.url));
    onTestFinished(() => users.close());
    await users.has('alice', 'example.com');
    fake.reply = () => '';
    // All are sent before the first one times out.
    const questions = Array.from({ length: MAX_UNREPLIED + 1 }, () => users.has('alice', 'example.com'));
    const answers = await Promise.allSettled(questions);
    const reasons = answers.map((answer) => (answer.status === 'rejected' ? String(answer.reason) : ''));
    expect(reasons[0]).toContain('too many of its replies are missing');
    fake.reply = (command, socket) => (command[0] === 'sismember' ? ':1\r\n' : greeting(command, socket));
    await expect.poll(() => users.has('alice', 'example.com').catch(() => sleep(20))).toBe(true);
  });
});
