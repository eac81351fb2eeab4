import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { watchRecord } from '../../src/operations/watched-record.js';
import { DirectoryRecord } from '../../src/replay/directory-record.js';
import type { Claim, ReplayRecord } from '../../src/replay/replay-record.js';
import { temporaryFolder } from '../support/folder.js';
import { mountTmpfs, remount } from '../support/mounts.js';
import { requirePackage } from '../support/requirement.js';

interface Subject {
  readonly root: string;
  readonly troubles: string[];
  readonly open: () => DirectoryRecord;
}

function subject(folder = join(temporaryFolder(), 'state')): Subject {
  const root = join(folder, 'used-tokens');
  const troubles: string[] = [];
  const onTrouble = (message: string): unknown => troubles.push(message);
  const open = (): DirectoryRecord => {
    const record = new DirectoryRecord({ root, horizon: () => 0, onTrouble });
    // A file system whose directories are open cannot be unmounted.
    onTestFinished(() => record.close());
    return record;
  };
  return { root, troubles, open };
}

/** A record as the daemon uses it, with what the log says of it. */
function watched(record: ReplayRecord): {
  claim: (id: string, step: number) => Promise<Claim>;
  log: string[];
} {
  const log: string[] = [];
  const watching = watchRecord(record, {
    write: (level, message, fields = {}) => log.push(`${level} ${message} ${JSON.stringify(fields)}`),
    close: () => undefined,
  });
  return { claim: (id, step) => watching.claim({ id, step }, step), log };
}

function mounted(context: TestContext, options: string): string {
  const folder = mountTmpfs(options);
  requirePackage(context, folder !== undefined, 'mount (as root)');
  return folder ?? '';
}

describe('what is wrong in the directory', () => {
  it.each<[string, (root: string) => void, string]>([
    [
      'a symbolic link',
      (root) => {
        symlinkSync('/tmp', root);
      },
      'expected a directory, found a symbolic link',
    ],
    [
      'a file',
      (root) => {
        writeFileSync(root, '');
      },
      'expected a directory, found a file',
    ],
    [
      'others may write there',
      (root) => {
        mkdirSync(root);
        chmodSync(root, 0o770);
      },
      "run: chmod go-w '",
    ],
    [
      'others may write above it',
      (root) => {
        chmodSync(join(root, '..'), 0o777);
      },
      'fix: chmod o-w /',
    ],
  ])('refuses where %s, and works as soon as that is mended', async (_, spoil, message) => {
    const { root, open } = subject();
    const record = open();
    mkdirSync(join(root, '..'), { mode: 0o700 });
    spoil(root);
    const claim = record.claim({ id: 'a', step: 100 }, 100);
    await expect(claim).rejects.toMatchObject({ code: 'record-unavailable' });
    await expect(claim).rejects.toThrow(message);
    chmodSync(join(root, '..'), 0o700);
    rmSync(root, { recursive: true, force: true });
    expect(await record.claim({ id: 'a', step: 100 }, 100)).toBe('claimed');
  });

  it.each<[string, (forgotten: string) => void, string]>([
    [
      'a link to elsewhere',
      (forgotten) => {
        symlinkSync(temporaryFolder(), forgotten);
      },
      'found a symbolic link: remove it',
    ],
    [
      'a directory that others may write to',
      (forgotten) => {
        mkdirSync(forgotten);
        chmodSync(forgotten, 0o777);
      },
      'other users can write there',
    ],
  ])('refuses where what is forgotten is in %s', async (_, spoil, message) => {
    const { root, open } = subject();
    await open().claim({ id: 'a', step: 100 }, 100);
    rmSync(join(root, 'forgotten'), { recursive: true });
    spoil(join(root, 'forgotten'));
    await expect(open().claim({ id: 'a', step: 101 }, 100)).rejects.toThrow(message);
  });

  it('refuses a step whose directory is a link to elsewhere', async () => {
    const { root, open } = subject();
    await open().claim({ id: 'a', step: 100 }, 100);
    symlinkSync('/tmp', join(root, '101'));
    await expect(open().claim({ id: 'a', step: 101 }, 100)).rejects.toThrow('found a symbolic link');
  });
});

describe('a file system', () => {
  it('without inodes is said once, with the cure; finished steps make room, and it heals by itself', async (context) => {
    const folder = mounted(context, 'nr_inodes=40');
    const record = subject(folder).open();
    const { claim, log } = watched(record);
    let step = 100;
    let count = 0;
    while ((await claim(`a${count}`, step)) === 'claimed') count += 1;
    expect(count).toBeGreaterThan(10);
    for (let again = 0; again < 50; again += 1)
      expect(await claim(`b${again}`, step)).toBe('record-unavailable');
    expect(log).toEqual([
      expect.stringMatching(
        /^error refusing every token: the record of used tokens cannot be used .*no space or no inodes are left there: make room/,
      ),
    ]);
    // Time goes on: pruning needs no inode of its own.
    for (; step < 110; step += 1) {
      await claim('c', step);
      await record.close();
    }
    expect(await claim('d', step)).toBe('claimed');
    expect(log[1]).toMatch(/^info the record of used tokens works again .*"refused":\d+/);
    expect(log).toHaveLength(2);
    expect(await claim('a0', 100)).toBe('before-horizon');
  });

  it.for([2, 3, 4, 5, 6, 7, 8])(
    'that has room for only %i of what the first record needs keeps nobody out when there is more',
    async (inodes, context) => {
      const folder = mounted(context, `nr_inodes=${inodes}`);
      const { claim } = watched(subject(join(folder, 'state')).open());
      for (const id of ['a', 'b']) expect(await claim(id, 100)).toBe('record-unavailable');
      remount(folder, 'nr_inodes=100');
      expect([await claim('c', 100), await claim('c', 100)]).toEqual(['claimed', 'replayed']);
      expect(readdirSync(join(folder, 'state')).sort()).toEqual(['used-tokens', 'used-tokens.began']);
    },
  );

  it('that is full of something else takes tokens on: they need no room', async (context) => {
    const folder = mounted(context, 'size=64k');
    const { claim } = watched(subject(folder).open());
    expect(() => {
      writeFileSync(join(folder, 'filler'), Buffer.alloc(1024 * 1024));
    }).toThrow('ENOSPC');
    for (let step = 100; step < 110; step += 1) expect(await claim('a', step)).toBe('claimed');
    expect(await claim('a', 109)).toBe('replayed');
  });

  it('that is read-only for a while is said once, and nothing is accepted twice over it', async (context) => {
    const folder = mounted(context, 'size=1m');
    const { claim, log } = watched(subject(folder).open());
    expect(await claim('a', 100)).toBe('claimed');
    remount(folder, 'ro');
    for (const id of ['a', 'b', 'c']) expect(await claim(id, 100)).not.toBe('claimed');
    expect(log).toEqual([expect.stringContaining('the file system is read-only: mount it writable')]);
    remount(folder, 'rw');
    expect([await claim('a', 100), await claim('b', 100)]).toEqual(['replayed', 'claimed']);
    expect(log).toHaveLength(2);
  });

  it('in which a file stands in the way is said, and heals', async () => {
    const folder = join(temporaryFolder(), 'state');
    writeFileSync(folder, '');
    const { claim, log } = watched(subject(folder).open());
    expect(await claim('a', 100)).toBe('record-unavailable');
    expect(log).toEqual([expect.stringContaining('something that is no directory is in its way')]);
    rmSync(folder);
    expect(await claim('a', 100)).toBe('claimed');
  });
});
