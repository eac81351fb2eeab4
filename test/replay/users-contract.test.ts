import { describe, expect, it, onTestFinished } from 'vitest';
import type { SeenUsers } from '../../src/users/seen-users.js';
import { contracts } from '../support/stores.js';

const HOST = 'example.com';

/** Returns all users of a host, and the number of pages. */
async function listAll(seen: SeenUsers, host: string): Promise<[string[], number]> {
  const users = new Set<string>();
  let [after, pages]: [string | undefined, number] = [undefined, 0];
  do {
    const page = await seen.list(host, after);
    expect(page.users.reduce((bytes, user) => bytes + Buffer.byteLength(user) + 6, 0)).toBeLessThan(4001);
    for (const user of page.users) users.add(user);
    [after, pages] = [page.next, pages + 1];
  } while (after !== undefined);
  return [[...users], pages];
}

describe.each(contracts)('the store %s', (_, { start, isShared }) => {
  it('remembers the users who have logged in', async (context) => {
    const { openSeenUsers } = await start('past', context);
    const seen = openSeenUsers();
    expect(await seen.has('alice', HOST)).toBe(false);
    await seen.add('alice', HOST);
    await seen.add('alice', HOST);
    expect(await seen.has('alice', HOST)).toBe(true);
    expect(await seen.has('alice', 'other.example')).toBe(false);
    expect(await seen.has('bob', HOST)).toBe(false);
    const another = openSeenUsers();
    expect(await another.has('alice', HOST)).toBe(isShared);
    await Promise.all([seen.close(), another.close()]);
  });

  it('lists the users of a host who have logged in, page by page', async (context) => {
    const seen = (await start('past', context)).openSeenUsers();
    onTestFinished(() => seen.close());
    const users = Array.from({ length: 300 }, (_, index) => `user${index}.${'é'.repeat(20)}`);
    for (const user of users) await seen.add(user, HOST);
    await seen.add('mallory', 'other.example');
    const [listed, pages] = await listAll(seen, HOST);
    expect(listed.sort()).toEqual(users.sort());
    expect(pages).toBeGreaterThan(3);
    expect((await listAll(seen, 'other.example'))[0]).toEqual(['mallory']);
    const long = Array.from({ length: 2000 }, (_, index) => `${index}${'x'.repeat(1000)}`);
    for (const user of long) await seen.add(user, 'long.example');
    expect((await listAll(seen, 'long.example'))[0].sort()).toEqual(long.sort());
    expect((await listAll(seen, 'empty.example'))[0]).toEqual([]);
  });

  if (isShared) {
    it('keeps who is revoked, for all processes', async (context) => {
      const { openRevocations } = await start('past', context);
      if (openRevocations === undefined) throw new Error('expected a shared store to keep revocations');
      const [writer, reader] = [openRevocations(), openRevocations()];
      onTestFinished(async () => {
        await Promise.all([writer.close(), reader.close()]);
      });
      const empty = await reader.read(undefined);
      expect(empty?.revocations).toEqual([]);
      expect(await reader.read(empty?.revision)).toBeUndefined();
      const alice = { jid: `alice@${HOST}`, revokedAt: 1_795_996_876_717, isBlocked: true };
      const bob = { jid: `bücher@${HOST}`, revokedAt: 1_795_996_876_718, isBlocked: true };
      await writer.add(alice);
      await reader.add(bob);
      await reader.add({ ...bob, isBlocked: false });
      const found = await reader.read(empty?.revision);
      const latest = new Map(found?.revocations.map((revocation) => [revocation.jid, revocation]));
      expect([...latest.values()]).toEqual(expect.arrayContaining([alice, { ...bob, isBlocked: false }]));
      expect(latest.size).toBe(2);
      // A file can change twice within the resolution of its change time.
      await expect
        .poll(async () => {
          const { revision } = (await reader.read(undefined)) ?? {};
          return reader.read(revision);
        })
        .toBeUndefined();
    });
  }
});
