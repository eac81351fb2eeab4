import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';
import { JournalReplayCache } from '../../src/replay/journal/journal-cache.js';
import { FileRevocations } from '../../src/replay/journal/revocations.js';
import { FileSeenUsers } from '../../src/replay/journal/seen-users.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import { MemorySeenUsers } from '../../src/replay/memory/seen-users.js';
import { RedisReplayCache, RedisRevocations, RedisSeenUsers } from '../../src/replay/redis/redis-cache.js';
import type { ReplayCache } from '../../src/replay/replay-cache.js';
import type { RevocationStore } from '../../src/users/revocations.js';
import type { SeenUsers } from '../../src/users/seen-users.js';
import { temporaryDirectory } from './directory.js';
import { requirePackage } from './run/requirements.js';
import { hasRedis, redisSettings, RedisServer } from './servers/redis.js';

/** A store with data of its own. */
export interface Subject {
  /** Opens the replay cache as another process does. */
  readonly open: () => ReplayCache;
  readonly openSeenUsers: () => SeenUsers;
  readonly openRevocations?: () => RevocationStore;
}

export interface Contract {
  /** @param cacheEpoch since when the replay cache is complete: long ago, or only now */
  readonly start: (cacheEpoch: 'past' | 'now', context: TestContext) => Promise<Subject> | Subject;
  /** Whether all processes share it, over restarts. */
  readonly isShared: boolean;
  /** How many sequences of consumes to try. */
  readonly runs: number;
}

const epochOf = (cacheEpoch: 'past' | 'now'): (() => number) => {
  const epoch = cacheEpoch === 'past' ? 0 : Date.now();
  return () => epoch;
};

const memory: Contract = {
  start: (cacheEpoch) => ({
    open: () => new MemoryReplayCache(epochOf(cacheEpoch)),
    openSeenUsers: () => new MemorySeenUsers(),
  }),
  isShared: false,
  runs: 500,
};

const journal: Contract = {
  start: (cacheEpoch) => {
    const path = temporaryDirectory();
    const options = { root: join(path, 'replay-cache'), cacheEpoch: epochOf(cacheEpoch) };
    return {
      open: () => new JournalReplayCache({ ...options, onWarning: () => undefined }),
      openSeenUsers: () => new FileSeenUsers(join(path, 'seen-users')),
      openRevocations: () => new FileRevocations(join(path, 'revocations')),
    };
  },
  isShared: true,
  runs: 50,
};

const redis = (way: 'TCP' | 'a Unix socket'): Contract => ({
  start: async (cacheEpoch, context) => {
    requirePackage(context, hasRedis(), 'redis-server');
    const server = await RedisServer.start();
    onTestFinished(() => server.remove());
    if (cacheEpoch === 'past') server.beginLongAgo('test:');
    const settings = redisSettings(way === 'TCP' ? server.url : `unix:${server.socket}`);
    return {
      open: () => new RedisReplayCache(settings),
      openSeenUsers: () => new RedisSeenUsers(settings),
      openRevocations: () => new RedisRevocations(settings),
    };
  },
  isShared: true,
  runs: 20,
});

/** Each store that users can choose. */
export const contracts: [string, Contract][] = [
  ['memory', memory],
  ['journal', journal],
  ['redis over TCP', redis('TCP')],
  ['redis over a Unix socket', redis('a Unix socket')],
];
