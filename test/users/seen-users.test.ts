import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DirectorySeenUsers } from '../../src/replay/directory/seen-users.js';
import { MemorySeenUsers } from '../../src/replay/memory/seen-users.js';
import { RedisSeenUsers } from '../../src/replay/redis/seen-users.js';
import type { SeenUsers } from '../../src/users/seen-users.js';
import { temporaryDirectory } from '../support/directory.js';
import { hasRedis, redisSettings, RedisServer } from '../support/redis.js';
import { requirePackage } from '../support/requirement.js';

const HOST = 'example.com';

async function expectToRemember(open: () => SeenUsers, survives: boolean): Promise<void> {
  const seen = open();
  expect(await seen.has('alice', HOST)).toBe(false);
  await seen.add('alice', HOST);
  await seen.add('alice', HOST);
  expect(await seen.has('alice', HOST)).toBe(true);
  expect(await seen.has('alice', 'other.example')).toBe(false);
  expect(await seen.has('bob', HOST)).toBe(false);
  const another = open();
  expect(await another.has('alice', HOST)).toBe(survives);
  await Promise.all([seen.close(), another.close()]);
}

describe('those who have logged in before', () => {
  it('are remembered in memory', async () => {
    await expectToRemember(() => new MemorySeenUsers(), false);
  });

  it('are remembered in a directory, whose names say nothing of them', async () => {
    const root = join(temporaryDirectory(), 'seen-users');
    await expectToRemember(() => new DirectorySeenUsers(root), true);
    expect(readdirSync(root, { recursive: true }).join()).not.toContain('alice');
  });

  it('are remembered in Redis', async (context) => {
    requirePackage(context, hasRedis(), 'redis-server');
    const redis = await RedisServer.start();
    onTestFinished(() => redis.remove());
    await expectToRemember(() => new RedisSeenUsers(redisSettings(redis.url)), true);
  });

  it('cannot be told where something is in the way, and that is said', async () => {
    const root = join(temporaryDirectory(), 'seen-users');
    writeFileSync(root, '');
    const seen = new DirectorySeenUsers(root);
    await expect(seen.add('alice', HOST)).rejects.toThrow(`${root}: expected a directory, found a file`);
    rmSync(root);
    await seen.add('alice', HOST);
    expect(await seen.has('alice', HOST)).toBe(true);
  });
});
