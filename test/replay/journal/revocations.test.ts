import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileRevocations } from '../../../src/replay/journal/revocations.js';
import { temporaryDirectory } from '../../support/directory.js';
import { mountTmpfs } from '../../support/system/mounts.js';

const alice = { jid: 'alice@example.com', revokedAt: 1, isBlocked: true };
const bob = { jid: 'bob@example.com', revokedAt: 2, isBlocked: true };

async function readAll(path: string): Promise<object[] | undefined> {
  return (await new FileRevocations(path).read(undefined))?.revocations.slice();
}

describe('revocations in a file', () => {
  it('are not affected by a line that was cut off', async () => {
    const path = join(temporaryDirectory(), 'revocations');
    await new FileRevocations(path).add(alice);
    appendFileSync(path, '{"jid":"mallory@exam');
    expect(await readAll(path)).toEqual([alice]);
    await new FileRevocations(path).add(bob);
    expect(await readAll(path)).toEqual([alice, bob]);
  });

  it.each([
    '{"jid":"bob@example.com"}',
    'bob@example.com',
    '{"jid":"bob@example.com","revokedAt":1e300,"isBlocked":true}',
    '{"jid":"bob@example.com","revokedAt":-1,"isBlocked":true}',
    String.raw`{"jid":"bob\u001b[31m@example.com","revokedAt":1,"isBlocked":true}`,
  ])('are unavailable if a line is none of ours, such as %s, and name it', async (line) => {
    const path = join(temporaryDirectory(), 'revocations');
    await new FileRevocations(path).add(alice);
    appendFileSync(path, `${line}\n`);
    await expect(readAll(path)).rejects.toThrow(
      `${path}: line 2 was not written by "xtokend revoke". Remove it`,
    );
  });

  it('can have been edited with another line ending', async () => {
    const path = join(temporaryDirectory(), 'revocations');
    writeFileSync(path, `${JSON.stringify(alice)} \r\n\r\n${JSON.stringify(bob)}\r\n`);
    expect(await readAll(path)).toEqual([alice, bob]);
  });

  it('are unavailable, without a delay, if the file is none, or far too large', async () => {
    const path = join(temporaryDirectory(), 'revocations');
    mkdirSync(path);
    await expect(readAll(path)).rejects.toThrow(`${path}: expected a regular file`);
    rmSync(path, { recursive: true });
    execFileSync('mkfifo', [path]);
    await expect(readAll(path)).rejects.toThrow(`${path}: expected a regular file`);
    await expect(new FileRevocations(path).add(alice)).rejects.toThrow(`${path}: expected a regular file`);
    rmSync(path);
    writeFileSync(path, '');
    truncateSync(path, 2 ** 32);
    await expect(readAll(path)).rejects.toThrow(/expected at most 16777216 bytes, found 4294967296/);
  });

  it('need a directory, and follow no link', async () => {
    const directory = temporaryDirectory();
    const missing = new FileRevocations(join(directory, 'missing', 'revocations'));
    await expect(missing.add(alice)).rejects.toMatchObject({ code: 'replay-cache-unavailable' });
    expect(await missing.read(undefined)).toEqual({ revision: 'no file', revocations: [] });
    expect(await missing.read('no file')).toBeUndefined();
  });

  it.skipIf(process.getuid?.() !== 0)('belong to the owner of the directory', async () => {
    // As with DynamicUser= in systemd, the owner can't reach it.
    const directory = join(temporaryDirectory(), 'state');
    mkdirSync(directory, { mode: 0o700 });
    chownSync(directory, 65534, 65534);
    const path = join(directory, 'revocations');
    await new FileRevocations(path).add(alice);
    const { uid, gid, mode } = statSync(path);
    expect([uid, gid, mode & 0o777]).toEqual([65534, 65534, 0o600]);
  });

  it.skipIf(process.getuid?.() !== 0)('are not written by root where another user leads to', async () => {
    const [directory, target] = [temporaryDirectory(), temporaryDirectory()];
    chownSync(directory, 65534, 65534);
    symlinkSync(target, join(directory, 'state'));
    const revocations = new FileRevocations(join(directory, 'state', 'revocations'));
    await expect(revocations.add(alice)).rejects.toMatchObject({ code: 'replay-cache-unavailable' });
    expect(existsSync(join(target, 'revocations'))).toBe(false);
    expect([process.geteuid?.(), process.getegid?.()]).toEqual([0, 0]);
  });

  it('report a full disk, and keep what is there', async (context) => {
    const directory = mountTmpfs('size=4k');
    if (directory === undefined) {
      context.skip('this user may not mount a file system');
      return;
    }
    const path = join(directory, 'revocations');
    await new FileRevocations(path).add(alice);
    // The rest of the page, up to a few bytes.
    appendFileSync(path, `${' '.repeat(4096 - readFileSync(path).length - 11)}\n`);
    await expect(new FileRevocations(path).add(bob)).rejects.toThrow(/no space or no inodes are left/);
    expect(await readAll(path)).toEqual([alice]);
    writeFileSync(path, `${JSON.stringify(alice)}\n`);
    await new FileRevocations(path).add(bob);
    expect(await readAll(path)).toEqual([alice, bob]);
  });
});
