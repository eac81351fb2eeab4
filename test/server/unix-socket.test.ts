import { once } from 'node:events';
import { existsSync, lstatSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listenUnix, ListenError } from '../../src/server/unix-socket.js';
import { temporaryFolder } from '../support/folder.js';

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
    const path = join(temporaryFolder(), 'socket');
    await listen(path, 0o600, String(process.getgid?.()));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(path).gid).toBe(process.getgid?.());
    expect(await isReachable(path)).toBe(true);
  });

  it('replaces one that a dead process left, and takes its own away', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'socket');
    const dead = createServer().listen(join(folder, 'made'));
    await once(dead, 'listening');
    // Closing would take the file away; the name that is left behind leads to nobody.
    renameSync(join(folder, 'made'), path);
    dead.close();
    expect(await isReachable(path)).toBe(false);
    const { remove } = await listen(path);
    expect(await isReachable(path)).toBe(true);
    remove();
    expect(existsSync(path)).toBe(false);
  });

  it('does not take away what another process made there meanwhile', async () => {
    const path = join(temporaryFolder(), 'socket');
    const { remove } = await listen(path);
    rmSync(path);
    writeFileSync(path, 'another');
    remove();
    expect(existsSync(path)).toBe(true);
  });

  it('leaves a socket alone on which somebody answers', async () => {
    const path = join(temporaryFolder(), 'socket');
    await listen(path);
    const { ino } = lstatSync(path);
    await expect(listen(path)).rejects.toThrow(`cannot listen on ${path}: somebody answers there already`);
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
  ])('leaves %s alone', async (_, make) => {
    const path = join(temporaryFolder(), 'socket');
    make(path);
    const { ino } = lstatSync(path);
    await expect(listen(path)).rejects.toThrow('found another file; move it away');
    expect(lstatSync(path).ino).toBe(ino);
  });

  it.each([
    ['its folder is missing', 'no/such/folder', undefined, /there is no folder .*no\/such; make it/],
    // In /proc not even root can make a file.
    ['its folder takes no files', 'proc/socket', undefined, /this user cannot make a file in .*proc/],
    ['there is no such group', 'socket', 'no-such-group', /cannot be given to the group no-such-group/],
    ['its path is too long', 'a'.repeat(100), undefined, /expected a path of \d+ bytes at most, found 1\d\d/],
  ])('says so where %s, and leaves nothing behind', async (_, name, group, message) => {
    const folder = temporaryFolder();
    symlinkSync('/proc', join(folder, 'proc'));
    const attempt = listen(join(folder, name), 0o660, group);
    await expect(attempt).rejects.toThrow(ListenError);
    await expect(attempt).rejects.toThrow(message);
    expect(existsSync(join(folder, 'socket'))).toBe(false);
  });
});
