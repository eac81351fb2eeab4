import { execFileSync } from 'node:child_process';
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MAX_LIST_LINES } from '../../src/users/list-batches.js';
import { UserList, UserListError } from '../../src/users/user-list.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';

const HOST = 'example.com';

async function open(
  text: string,
  listsBlockedUsers = false,
): Promise<{ list: UserList; path: string; troubles: string[] }> {
  const troubles: string[] = [];
  const path = temporaryFile(text, 'users');
  const list = await UserList.open(path, {
    listsBlockedUsers,
    onWarning: (message) => troubles.push(message),
  });
  return { list, path, troubles };
}

describe('a list of users', () => {
  it('has a name or a bare JID on each line, in any spelling, and comments', async () => {
    const { list } = await open('# staff\nAlice\n\n  bob  # on leave\ncarol@Example.com\nstraße\n');
    for (const name of ['alice', 'bob', 'carol', 'strasse']) expect(await list.has(name, HOST)).toBe(true);
    expect(await list.has('carol', 'other.example')).toBe(false);
    for (const name of ['staff', '#', 'mallory']) expect(await list.has(name, HOST)).toBe(false);
  });

  it.each([
    ['CRLF', 'alice\r\nbob\r\n'],
    ['a byte order mark', '\ufeffalice\nbob\n'],
    ['tabs and comments behind names', 'alice\t# staff\n\tbob  #'],
    ['no line end', 'alice\nbob'],
    ['JIDs', 'alice@example.com\r\nBob@example.com \r\n'],
  ])('may have %s', async (_, text) => {
    const { list } = await open(text);
    for (const name of ['alice', 'bob']) expect(await list.has(name, HOST)).toBe(true);
  });

  it('accepts a comma in a JID as part of the name', async () => {
    expect(await (await open('a,b;c@example.com\n')).list.has('a,b;c', HOST)).toBe(true);
  });

  it.each([
    [
      'alice,bob,carol\r\n',
      1,
      'expected one name per line, found a comma; if one name holds it, write it as a JID',
    ],
    ['alice\nbob;carol\n', 2, 'expected one name per line, found a semicolon'],
    ['alice,\n', 1, 'expected one name per line, found a comma'],
    ['alice, bob\n', 1, 'expected one name per line, found a comma'],
    ['# x\n\nalice bob\n', 3, 'expected one name per line, found white space'],
    ['alice\tbob\n', 1, 'expected one name per line, found white space'],
    ['alice\rbob\r', 1, 'expected one name per line, found white space'],
    ['alice@a.example,bob@b.example\n', 1, 'expected one name per line, found a comma'],
    ['alice@a.example,b.example\n', 1, 'expected one name per line, found a comma'],
    ['alice@a.example bob@b.example\n', 1, 'expected one name per line, found white space'],
    ['alice\n*\n', 2, 'expected a name, found "*"; lists have no wildcards'],
    ['*@example.com\n', 1, 'expected a name, found "*"; lists have no wildcards'],
    ['a\0l\0\n\0', 1, 'found a NUL character; save the file as UTF-8, not UTF-16'],
    ['@example.com\n', 1, 'the user of the JID is empty'],
    ['alice@\n', 1, 'the domain of the JID is empty'],
    ['alice@example.com/phone\n', 1, 'expected a bare JID'],
  ])('rejects %j, and names the line', async (text, line, message) => {
    for (const listsBlockedUsers of [false, true]) {
      await expect(open(text, listsBlockedUsers)).rejects.toThrow(`: line ${line}: ${message}`);
    }
  });

  it.each(['fffe61006c00', 'feff0061006c'])('rejects UTF-16: %s', async (bytes) => {
    const path = temporaryFile('', 'users');
    writeFileSync(path, Buffer.from(bytes, 'hex'));
    const opened = UserList.open(path, { onWarning: () => undefined });
    await expect(opened).rejects.toThrow('expected UTF-8 text, found UTF-16; save it as UTF-8');
  });

  it('is read again as soon as it has changed, however fast', async () => {
    const { list, path } = await open('');
    for (let change = 0; change < 50; change += 1) {
      const name = change % 2 === 0 ? 'alice' : 'bobby';
      writeFileSync(path, `${name}\n`);
      expect(await list.has('alice', HOST)).toBe(name === 'alice');
    }
  });

  it('is read again when it is replaced', async () => {
    const { list, path } = await open('alice\n');
    writeFileSync(`${path}.new`, 'bobby\n');
    renameSync(`${path}.new`, path);
    expect([await list.has('alice', HOST), await list.has('bobby', HOST)]).toEqual([false, true]);
  });

  it('keeps its content while it is missing or invalid, warns once, and recovers', async () => {
    const { list, path, troubles } = await open('alice\n');
    rmSync(path);
    for (let asked = 0; asked < 3; asked += 1) expect(await list.has('alice', HOST)).toBe(true);
    expect(troubles).toEqual([
      `the list of users ${path}: there is no such file; keeping the previous content`,
    ]);
    writeFileSync(path, 'alice\nthis is @no user\n');
    expect(await list.has('alice', HOST)).toBe(true);
    writeFileSync(path, 'bob\n');
    expect(await list.has('alice', HOST)).toBe(false);
  });

  it('still blocks users while it is rewritten; an empty list of allowed users allows nobody', async () => {
    const [blocked, allowed] = [await open('mallory\n', true), await open('alice\n')];
    for (const { path } of [blocked, allowed]) writeFileSync(path, '');
    expect(await blocked.list.has('mallory', HOST)).toBe(true);
    expect(blocked.troubles).toEqual([expect.stringMatching(/it is empty.*keeping the previous content$/)]);
    expect(await allowed.list.has('alice', HOST)).toBe(false);
    writeFileSync(blocked.path, '# nobody\n');
    expect(await blocked.list.has('mallory', HOST)).toBe(false);
  });

  it('is not read again for each request while it is invalid', async () => {
    const { list, path } = await open('alice\n');
    writeFileSync(path, `${'alice\n'.repeat(200_000)}this is no user\n`);
    await sleep(150);
    expect(await list.has('alice', HOST)).toBe(true);
    const before = performance.now();
    for (let asked = 0; asked < 100; asked += 1) await list.has('alice', HOST);
    // Each reading takes about a tenth of a second.
    expect(performance.now() - before).toBeLessThan(3000);
  });

  it('blocks the event loop only briefly while a long list is read', async () => {
    const { list, path } = await open('alice\n');
    writeFileSync(path, `${'some.name\n'.repeat(400_000)}jürgen\n`);
    const reading = list.has('bob', HOST);
    writeFileSync(path, 'bob\n');
    expect(await list.has('bob', HOST)).toBe(true);
    await reading;
    writeFileSync(path, `${Array.from({ length: 400_000 }, (_, n) => `user${n}`).join('\n')}\njürgen\n`);
    const delays = monitorEventLoopDelay({ resolution: 5 });
    delays.enable();
    const before = performance.now();
    expect(await list.has('jürgen', HOST)).toBe(true);
    expect(delays.max / 1e6).toBeLessThan((performance.now() - before) / 2);
  });

  it('keeps its content if changes cannot be detected', async () => {
    const path = temporaryFile('alice\n', 'users');
    const list = await UserList.open(path, { onWarning: () => undefined });
    rmSync(path);
    // A loop: even root cannot look there.
    symlinkSync(path, path);
    expect(await list.has('alice', HOST)).toBe(true);
  });

  it('accepts names that contain a #, and domains that end with a dot', async () => {
    const { list } = await open('bob#1 # a guest\ncarol@example.com.\n');
    expect([await list.has('bob#1', HOST), await list.has('bob', HOST)]).toEqual([true, false]);
    expect(await list.has('carol', HOST)).toBe(true);
  });

  it('is read once for concurrent requests', async () => {
    const { list, path } = await open('alice\n');
    writeFileSync(path, 'bob\n');
    const answers = await Promise.all(Array.from({ length: 100 }, () => list.has('bob', HOST)));
    expect(answers).not.toContain(false);
  });

  it('rejects more than 500,000 lines, and keeps its content', async () => {
    const most = 'a\n'.repeat(MAX_LIST_LINES - 1);
    const { list, path, troubles } = await open(`${most}alice\n`);
    writeFileSync(path, `${most}bob\ncarol\n`);
    expect(await list.has('alice', HOST)).toBe(true);
    expect(troubles).toEqual([
      expect.stringContaining(`${path}: expected at most 500,000 lines, found 500,001`),
    ]);
    await expect(open(`${most}bob\ncarol`)).rejects.toThrow(UserListError);
    writeFileSync(path, `${most}carol`);
    expect(await list.has('carol', HOST)).toBe(true);
  });

  it('cannot be opened if it cannot be read; a FIFO does not block', async () => {
    const directory = temporaryDirectory();
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const path of [join(directory, 'missing'), fifo, directory]) {
      await expect(UserList.open(path, { onWarning: () => undefined })).rejects.toThrow(UserListError);
    }
    await expect(open('alice\nno user: this\n')).rejects.toThrow(/line 2: /);
  });
});
