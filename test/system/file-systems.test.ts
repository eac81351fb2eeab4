import fs, { readdirSync, type BigIntStatsFs } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { JournalReplayCache } from '../../src/replay/journal/journal-cache.js';
import { appendsInOrder, fileSystemOf } from '../../src/system/file-systems.js';
import { temporaryDirectory } from '../support/directory.js';
import { mountTmpfs } from '../support/system/mounts.js';
import { requirePackage } from '../support/run/requirements.js';
import { tokenUse } from '../support/token-use.js';

/** Makes statfs(2) return a type until the test ends: a test machine has few file systems. */
function pretendFileSystem(type: number): void {
  const { statfsSync, writeSync } = fs;
  fs.statfsSync = ((path: string): BigIntStatsFs =>
    Object.assign(statfsSync(path, { bigint: true }), { type: BigInt(type) })) as typeof statfsSync;
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(fs, { statfsSync, writeSync });
    syncBuiltinESMExports();
  });
}

async function consume(root: string): Promise<{ warnings: string[]; result: string }> {
  const warnings: string[] = [];
  const onWarning = (message: string): unknown => warnings.push(message);
  const cache = new JournalReplayCache({ root, cacheEpoch: () => 0, onWarning });
  onTestFinished(() => cache.close());
  return { warnings, result: await cache.consume(tokenUse('a', 100), 100) };
}

const newRoot = (): string => join(temporaryDirectory(), 'replay-cache');

describe('a file system', () => {
  it.each([
    ['ext4', 0xef53],
    ['XFS', 0x58465342],
    ['Btrfs', 0x9123683e],
    ['ZFS', 0x2fc12fc1],
    ['tmpfs', 0x01021994],
    ['overlayfs', 0x794c7630],
    ['F2FS', 0xf2f52010],
  ])('that appends atomically is used without a warning: %s', async (name, type) => {
    pretendFileSystem(type);
    expect(fileSystemOf('/')).toEqual({ name, appends: 'atomic' });
    expect(await consume(newRoot())).toEqual({ warnings: [], result: 'consumed' });
  });

  it.each([
    ['NFS', 0x6969],
    ['CIFS', 0xff534d42],
    // As a machine of 32 bits returns it.
    ['CIFS', 0xff534d42 - 2 ** 32],
    ['SMB', 0xfe534d42],
    ['SMB', 0x517b],
    ['9p', 0x01021997],
    ['FUSE', 0x65735546],
  ])('that does not append atomically is refused with the fix: %s', async (name, type) => {
    pretendFileSystem(type);
    const root = newRoot();
    await expect(consume(root)).rejects.toMatchObject({ code: 'replay-cache-unavailable' });
    await expect(consume(root)).rejects.toThrow(
      `${root}: it is on ${name}, where a token could be accepted twice: set replay.path to a directory on a local disk`,
    );
    expect(readdirSync(root)).toEqual([]);
  });

  it('that is unknown is tested, and used with a warning', async () => {
    pretendFileSystem(0x123);
    const root = newRoot();
    const { warnings, result } = await consume(root);
    expect(result).toBe('consumed');
    expect(warnings).toEqual([expect.stringContaining('type 0x123, on which xtokend has not been tested: ')]);
    expect(readdirSync(root).map((name) => name.split('-')[0])).toEqual(['created', 'journal']);
  });

  it('that is unknown and does not append in order is refused', async () => {
    pretendFileSystem(0x123);
    const { writeSync } = fs;
    // As without O_APPEND: each descriptor has a position of its own.
    const positions = new Map<number, number>();
    fs.writeSync = ((descriptor: number, text: string) => {
      const position = positions.get(descriptor) ?? 0;
      positions.set(descriptor, position + text.length);
      const plain = fs.openSync(`/proc/self/fd/${descriptor}`, 'r+');
      writeSync(plain, text, position);
      fs.closeSync(plain);
      return text.length;
    }) as typeof writeSync;
    syncBuiltinESMExports();
    expect(appendsInOrder(temporaryDirectory())).toBe(false);
    await expect(consume(newRoot())).rejects.toThrow('where a token could be accepted twice');
  });

  it('in memory is known by its type', (context) => {
    const directory = mountTmpfs('size=1m');
    requirePackage(context, directory !== undefined, 'mount (as root)');
    expect(fileSystemOf(directory ?? '')).toEqual({ name: 'tmpfs', appends: 'atomic' });
    expect(appendsInOrder(directory ?? '')).toBe(true);
    expect(readdirSync(directory ?? '')).toEqual([]);
  });
});
