import { describe, expect, it } from 'vitest';
import type { ReplaySettings } from '../../src/replay/registry.js';
import { Stores } from '../../src/daemon/stores.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import type { ReplayCache } from '../../src/replay/replay-cache.js';
import type { RevocationStore } from '../../src/users/revocations.js';
import { MemorySeenUsers } from '../../src/replay/memory/seen-users.js';
import { NOW } from '../support/keys.js';

const a: ReplaySettings = { kind: 'journal', path: '/a' };
const b: ReplaySettings = { kind: 'journal', path: '/b' };
const timeStep = NOW / 30_000;

/** Returns stores with one replay cache for each path, as on a disk, and a clock that can be set. */
function subject(): {
  stores: Stores;
  clock: { now: number; monotonic: number };
  warnings: string[];
} {
  const warnings: string[] = [];
  const clock = { now: NOW, monotonic: 5000 };
  const caches = new Map<string, ReplayCache>();
  const stores = new Stores({
    choose: (settings) => {
      if (settings.kind !== 'journal') throw new Error('expected a directory');
      return { kind: 'journal', path: settings.path };
    },
    openReplayCache: (store) => {
      const path = 'path' in store ? store.path : '';
      const cache = caches.get(path) ?? new MemoryReplayCache();
      caches.set(path, cache);
      return Promise.resolve(cache);
    },
    openLastUses: () => Promise.resolve(undefined),
    openRevocations: (store) => Promise.resolve('path' in store && store.path === '/a' ? revoked : undefined),
    onWarning: (message) => warnings.push(message),
    openSeenUsers: async () => {
      await new Promise(setImmediate);
      return new MemorySeenUsers();
    },
    clock: () => clock.now,
    monotonic: () => clock.monotonic,
  });
  return { stores, clock, warnings };
}

const alice = { jid: 'alice@example.com', revokedAt: NOW, isBlocked: true };
const revoked: RevocationStore = {
  read: () => Promise.resolve({ revision: '1', revocations: [alice] }),
  add: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

describe('stores over reloads', () => {
  it('stay open if their settings have not changed', async () => {
    const { stores } = subject();
    const cache = await stores.cache(a);
    await stores.seenUsers.add('alice', 'example.com');
    expect(await stores.cache({ ...a })).toBe(cache);
    expect(await stores.seenUsers.has('alice', 'example.com')).toBe(true);
  });

  it('open the seen users once for concurrent requests', async () => {
    const { stores } = subject();
    await stores.cache(a);
    const names = ['alice', 'bob', 'carol'];
    await Promise.all(names.map((name) => stores.seenUsers.add(name, 'example.com')));
    const known = await Promise.all(names.map((name) => stores.seenUsers.has(name, 'example.com')));
    expect(known).toEqual([true, true, true]);
  });

  it('use the new store after a change, even while the old one is being opened', async () => {
    const { stores } = subject();
    await stores.cache(a);
    const adding = stores.seenUsers.add('alice', 'example.com');
    await stores.cache(b);
    await adding;
    expect(await stores.seenUsers.has('alice', 'example.com')).toBe(false);
  });

  it('keep who is revoked, even if the new store has no revocations', async () => {
    const { stores, warnings } = subject();
    await stores.cache(a);
    expect(await stores.revocations.of('alice', 'example.com')).toEqual(alice);
    await stores.cache(b);
    expect(await stores.revocations.of('alice', 'example.com')).toEqual(alice);
    expect(warnings).toEqual([expect.stringMatching(/the store has lost alice@example\.com;/)]);
  });

  it('accept no used token again, neither in the new store nor back in the old one', async () => {
    const { stores, clock } = subject();
    const use = { id: 'x', timeStep };
    expect(await (await stores.cache(a)).consume(use, timeStep)).toBe('consumed');
    const later = { id: 'y', timeStep: timeStep + 2 };
    const cache = await stores.cache(b);
    expect(await cache.consume(use, timeStep)).toBe('replay-unknown');
    clock.now += 60_000;
    clock.monotonic += 60_000;
    expect(await cache.consume(later, timeStep + 2)).toBe('consumed');
    // The first store does not know the tokens of the second.
    expect(await (await stores.cache(a)).consume(later, timeStep + 2)).toBe('replay-unknown');
  });

  it('correct the time of the change when the clock is corrected', async () => {
    const { stores, clock } = subject();
    await stores.cache(a);
    clock.now = NOW + 3_600_000;
    const cache = await stores.cache(b);
    clock.now = NOW + 60_000;
    clock.monotonic += 60_000;
    expect(await cache.consume({ id: 'x', timeStep: timeStep + 1 }, timeStep + 2)).toBe('replay-unknown');
    expect(await cache.consume({ id: 'y', timeStep: timeStep + 4 }, timeStep + 4)).toBe('consumed');
  });
});
