import { execFileSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserList, UserListError } from '../../src/users/user-list.js';
import { temporaryFile, temporaryFolder } from '../support/folder.js';

const HOST = 'example.com';

async function open(text: string): Promise<{ list: UserList; path: string; troubles: string[] }> {
  const troubles: string[] = [];
  const path = temporaryFile(text, 'users');
  const list = await UserList.open(path, (message) => troubles.push(message));
  return { list, path, troubles };
}

describe('a list of users', () => {
  it('has a name or a bare JID a line, in any spelling, and comments', async () => {
    const { list } = await open('# staff\nAlice\n\n  bob  # on leave\ncarol@Example.com\nstraße\n');
    for (const name of ['alice', 'bob', 'carol', 'strasse']) expect(await list.has(name, HOST)).toBe(true);
    expect(await list.has('carol', 'other.example')).toBe(false);
    for (const name of ['staff', '#', 'mallory']) expect(await list.has(name, HOST)).toBe(false);
  });

  it('is read again as soon as it has changed, however fast', async () => {
    const { list, path } = await open('');
    for (let change = 0; change < 50; change += 1) {
      const name = change % 2 === 0 ? 'alice' : 'bobby';
      writeFileSync(path, `${name}\n`);
      expect(await list.has('alice', HOST)).toBe(name === 'alice');
    }
  });

  it('notices another file in its place', async () => {
    const { list, path } = await open('alice\n');
    writeFileSync(`${path}.new`, 'bobby\n');
    renameSync(`${path}.new`, path);
    expect([await list.has('alice', HOST), await list.has('bobby', HOST)]).toEqual([false, true]);
  });

  it('counts on as it was where it is gone or broken, says so once, and heals', async () => {
    const { list, path, troubles } = await open('alice\n');
    rmSync(path);
    for (let asked = 0; asked < 3; asked += 1) expect(await list.has('alice', HOST)).toBe(true);
    expect(troubles).toEqual([
      `the list of users ${path}: there is no such file; what it said before counts on`,
    ]);
    writeFileSync(path, 'alice\nthis is @no user\n');
    expect(await list.has('alice', HOST)).toBe(true);
    writeFileSync(path, 'bob\n');
    expect(await list.has('alice', HOST)).toBe(false);
  });

  it('is read once for all who ask while it is read', async () => {
    const { list, path } = await open('alice\n');
    writeFileSync(path, 'bob\n');
    const answers = await Promise.all(Array.from({ length: 100 }, () => list.has('bob', HOST)));
    expect(answers).not.toContain(false);
  });

  it('cannot be opened where it cannot be read; a FIFO does not hang it', async () => {
    const folder = temporaryFolder();
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const path of [join(folder, 'missing'), fifo, folder]) {
      await expect(UserList.open(path, () => undefined)).rejects.toThrow(UserListError);
    }
    await expect(open('alice\nno user: this\n')).rejects.toThrow(/line 2: /);
  });
});
