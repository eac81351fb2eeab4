import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { listenUnix, ListenError } from '../../src/server/unix-socket.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import {
  OTHER_USER,
  passableDirectory,
  requireRoot,
  sharedDirectory,
  startAsOther,
} from '../support/system/other-user.js';

type Opened = Awaited<ReturnType<typeof listenUnix>>;

/** Opens a socket, until the test ends. */
async function listen(path: string, mode = 0o660, group?: string): Promise<Opened> {
  const opened = await listenUnix({ path, mode, group });
  closeAtTheEnd(opened.server);
  return opened;
}

function closeAtTheEnd(server: Server): void {
  onTestFinished(() => {
    server.close();
  });
}

async function isReachable(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe('listenUnix', () => {
  it('makes a socket with the permissions and the group that were asked for', async () => {
    const path = join(temporaryDirectory(), 'socket');
    await listen(path, 0o600, String(process.getgid?.()));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(path).gid).toBe(process.getgid?.());
    expect(await isReachable(path)).toBe(true);
  });

  it('replaces the file of a dead process, and removes its own', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'socket');
    const dead = createServer().listen(join(directory, 'made'));
    await once(dead, 'listening');
    // Closing removes the file at its old path; the one at the new path leads nowhere.
    renameSync(join(directory, 'made'), path);
    dead.close();
    expect(await isReachable(path)).toBe(false);
    const { remove } = await listen(path);
    expect(await isReachable(path)).toBe(true);
    remove();
    expect(existsSync(path)).toBe(false);
  });

  it('does not remove a file that another process has made there', async () => {
    const path = join(temporaryDirectory(), 'socket');
    const { remove } = await listen(path);
    rmSync(path);
    writeFileSync(path, 'another');
    remove();
    expect(existsSync(path)).toBe(true);
  });

  it('does not replace a socket on which another process answers', async () => {
    const path = join(temporaryDirectory(), 'socket');
    await listen(path);
    const { ino } = lstatSync(path);
    await expect(listen(path)).rejects.toThrow(
      new RegExp(
        `cannot listen on ${path}: process ${process.pid} \\(.*\\) already listens there: kill ${process.pid}, or `,
      ),
    );
    expect(lstatSync(path).ino).toBe(ino);
    expect(await isReachable(path)).toBe(true);
  });

  it.each([
    [
      'a file',
      (path: string) => {
        writeFileSync(path, '');
      },
    ],
    [
      'a link',
      (path: string) => {
        symlinkSync('elsewhere', path);
      },
    ],
  ])('does not replace %s', async (_, make) => {
    const path = join(temporaryDirectory(), 'socket');
    make(path);
    const { ino } = lstatSync(path);
    await expect(listen(path)).rejects.toThrow('found another file; move it away');
    expect(lstatSync(path).ino).toBe(ino);
  });

  it.each([
    ['its directory is missing', 'no/such/directory', undefined, /there is no directory .*no\/such; make it/],
    // Not even root can make a file in /proc.
    ['its directory takes no files', 'proc/socket', undefined, /this user cannot make a file in .*proc/],
    ['there is no such group', 'socket', 'no-such-group', /there is no group no-such-group; create it/],
    ['its path is too long', 'a'.repeat(100), undefined, /expected a path of \d+ bytes at most, found 1\d\d/],
  ])('fails if %s, and leaves nothing behind', async (_, name, group, message) => {
    const directory = temporaryDirectory();
    symlinkSync('/proc', join(directory, 'proc'));
    const attempt = listen(join(directory, name), 0o660, group);
    await expect(attempt).rejects.toThrow(ListenError);
    await expect(attempt).rejects.toThrow(message);
    expect(existsSync(join(directory, 'socket'))).toBe(false);
  });
});

describe('a directory that other users can change', () => {
  beforeEach(requireRoot);

  /** Replaces every socket in the directory, and in those inside it, with a link to the victim. */
  const PLANT_LINKS = `
    const fs = require('fs'), { join } = require('path'), [directory, victim] = process.argv.slice(1);
    console.log('ready');
    const plant = (place, depth) => {
      for (const entry of fs.readdirSync(place, { withFileTypes: true })) {
        try {
          const path = join(place, entry.name);
          if (entry.isDirectory() && depth < 2) plant(path, depth + 1);
          else if (entry.isSocket()) { fs.unlinkSync(path); fs.symlinkSync(victim, path); }
        } catch {}
      }
    };
    for (;;) plant(directory, 0);`;

  it.each([
    ['belongs to another user', 0o755, OTHER_USER, 0],
    ['is open to everybody', 0o777, 0, 0],
    ['is open to a group', 0o775, 0, OTHER_USER],
    ['is sticky, so that others can be there first', 0o1777, 0, 0],
  ])('is refused if it %s: no mode of another file is changed, 20 of 20', async (_, mode, uid, gid) => {
    const directory = sharedDirectory(mode, uid, gid);
    const victim = temporaryFile('secret');
    await startAsOther(PLANT_LINKS, directory, victim);
    for (let round = 0; round < 20; round += 1) {
      const attempt = listen(join(directory, 'socket'), 0o660, String(OTHER_USER));
      await expect(attempt).rejects.toThrow(
        'expected a directory that only root and this user can change, but',
      );
      expect(statSync(victim)).toMatchObject({ mode: 0o100600, uid: 0, gid: 0 });
    }
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is refused anywhere on the path', async () => {
    const directory = join(sharedDirectory(0o755, OTHER_USER), 'run');
    mkdirSync(directory);
    await expect(listen(join(directory, 'socket'))).rejects.toThrow(
      /(nobody|65534) owns .*shared; fix: chown root /,
    );
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('the directory in which a socket is made', () => {
  it('can be entered by this user alone, and is gone afterwards', async (context) => {
    requireRoot(context);
    const directory = passableDirectory();
    chmodSync(directory, 0o755);
    const bin = join(temporaryDirectory(), 'bin');
    mkdirSync(bin);
    // Instead of getent(1), which looks up the group while the socket is in that directory.
    const script = `#!/bin/sh\nstat -c '%a' ${directory}/.xtokend-* >"${bin}/mode"\necho any:x:${OTHER_USER}:\n`;
    writeFileSync(join(bin, 'getent'), script, { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    await listen(join(directory, 'socket'), 0o660, 'any');
    expect(readFileSync(join(bin, 'mode'), 'utf8')).toBe('700\n');
    expect(readdirSync(directory)).toEqual(['socket']);
    expect(statSync(join(directory, 'socket')).gid).toBe(OTHER_USER);
  });

  it('is removed by a later start if a killed process left it, and nothing else is', async () => {
    const directory = temporaryDirectory();
    const [left, young, another] = ['.xtokend-aaaaaa', '.xtokend-bbbbbb', '.xtokend-cccccc'] as const;
    for (const name of [left, young, another]) mkdirSync(join(directory, name));
    const dead = createServer().listen(join(directory, 'made'));
    await once(dead, 'listening');
    renameSync(join(directory, 'made'), join(directory, left, 'socket'));
    dead.close();
    writeFileSync(join(directory, another, 'file'), '');
    for (const name of [left, another]) utimesSync(join(directory, name), 1, 1);
    await listen(join(directory, 'socket'));
    expect(readdirSync(directory).sort()).toEqual([young, another, 'socket']);
  });

  it('leaves room for the longest path that is accepted', async () => {
    const directory = temporaryDirectory();
    const longest = join(directory, 'a'.repeat(91 - directory.length - 1));
    await listen(longest);
    expect(await isReachable(longest)).toBe(true);
    await expect(listen(`${longest}a`)).rejects.toThrow('expected a path of 91 bytes at most, found 92');
  });
});
