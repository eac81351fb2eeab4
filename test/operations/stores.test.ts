import { describe, expect, it } from 'vitest';
import type { ReplaySettings } from '../../src/config/replay.js';
import { Stores } from '../../src/operations/stores.js';
import { MemoryRecord } from '../../src/replay/memory-record.js';
import type { ReplayRecord } from '../../src/replay/replay-record.js';
import { MemorySeenUsers } from '../../src/users/memory-seen-users.js';
import { NOW } from '../support/keys.js';

const a: ReplaySettings = { kind: 'directory', path: '/a' };
const b: ReplaySettings = { kind: 'directory', path: '/b' };
const step = NOW / 30_000;

/** Stores whose records are one for each path, as on a disk, and a clock that can be set. */
function subject(): { stores: Stores; clock: { now: number; monotonic: number } } {
  const clock = { now: NOW, monotonic: 5000 };
  const records = new Map<string, ReplayRecord>();
  const stores = new Stores({
    choose: (settings) => {
      if (settings.kind !== 'directory') throw new Error('expected a directory');
      return { kind: 'directory', path: settings.path };
    },
    openRecord: (store) => {
      const path = 'path' in store ? store.path : '';
      const record = records.get(path) ?? new MemoryRecord();
      records.set(path, record);
      return Promise.resolve(record);
    },
    openSeenUsers: async () => {
      await new Promise(setImmediate);
      return new MemorySeenUsers();
    },
    clock: () => clock.now,
    monotonic: () => clock.monotonic,
  });
  return { stores, clock };
}

describe('stores over reloads', () => {
  it('are kept where their settings have not changed', async () => {
    const { stores } = subject();
    const record = await stores.record(a);
    await stores.seenUsers.add('alice', 'example.com');
    expect(await stores.record({ ...a })).toBe(record);
    expect(await stores.seenUsers.has('alice', 'example.com')).toBe(true);
  });

  it('open those who have logged in once for all who ask at first', async () => {
    const { stores } = subject();
    await stores.record(a);
    const names = ['alice', 'bob', 'carol'];
    await Promise.all(names.map((name) => stores.seenUsers.add(name, 'example.com')));
    const known = await Promise.all(names.map((name) => stores.seenUsers.has(name, 'example.com')));
    expect(known).toEqual([true, true, true]);
  });

  it('ask the new store from a change on, even one that came while the old one was opened', async () => {
    const { stores } = subject();
    await stores.record(a);
    const adding = stores.seenUsers.add('alice', 'example.com');
    await stores.record(b);
    await adding;
    expect(await stores.seenUsers.has('alice', 'example.com')).toBe(false);
  });

  it('let no used token in again, neither in the new store nor back in the old one', async () => {
    const { stores, clock } = subject();
    const use = { id: 'x', step };
    expect(await (await stores.record(a)).claim(use, step)).toBe('claimed');
    const later = { id: 'y', step: step + 2 };
    const record = await stores.record(b);
    expect(await record.claim(use, step)).toBe('before-horizon');
    clock.now += 60_000;
    clock.monotonic += 60_000;
    expect(await record.claim(later, step + 2)).toBe('claimed');
    // What the second has taken, the first knows nothing of.
    expect(await (await stores.record(a)).claim(later, step + 2)).toBe('before-horizon');
  });

  it('take the time of the change by the clock as it is set later', async () => {
    const { stores, clock } = subject();
    await stores.record(a);
    clock.now = NOW + 3_600_000;
    const record = await stores.record(b);
    clock.now = NOW + 60_000;
    clock.monotonic += 60_000;
    expect(await record.claim({ id: 'x', step: step + 1 }, step + 2)).toBe('before-horizon');
    expect(await record.claim({ id: 'y', step: step + 4 }, step + 4)).toBe('claimed');
  });
});
