import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { observeReplayCache } from '../../../src/daemon/observed-cache.js';
import { DirectoryReplayCache } from '../../../src/replay/directory/directory-cache.js';
import type { ConsumeResult, ReplayCache } from '../../../src/replay/replay-cache.js';
import { temporaryDirectory } from '../../support/directory.js';
import { mountTmpfs, remount } from '../../support/mounts.js';
import { requirePackage } from '../../support/requirement.js';

interface Subject {
  readonly root: string;
  readonly troubles: string[];
  readonly open: () => DirectoryReplayCache;
}

function subject(directory = join(temporaryDirectory(), 'state')): Subject {
  const root = join(directory, 'used-tokens');
  const troubles: string[] = [];
  const onWarning = (message: string): unknown => troubles.push(message);
  const open = (): DirectoryReplayCache => {
    const cache = new DirectoryReplayCache({ root, cacheEpoch: () => 0, onWarning });
    // A file system whose directories are open cannot be unmounted.
    onTestFinished(() => cache.close());
    return cache;
  };
  return { root, troubles, open };
}

/** A record as the daemon uses it, with what the log says of it. */
function watched(cache: ReplayCache): {
  consume: (id: string, timeStep: number) => Promise<ConsumeResult>;
  log: string[];
} {
  const log: string[] = [];
  const watching = observeReplayCache(cache, {
    write: (level, message, fields = {}) => log.push(`${level} ${message} ${JSON.stringify(fields)}`),
    close: () => undefined,
  });
  return { consume: (id, timeStep) => watching.consume({ id, timeStep }, timeStep), log };
}

function mounted(context: TestContext, options: string): string {
  const directory = mountTmpfs(options);
  requirePackage(context, directory !== undefined, 'mount (as root)');
  return directory ?? '';
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
    const cache = open();
    mkdirSync(join(root, '..'), { mode: 0o700 });
    spoil(root);
    const consume = cache.consume({ id: 'a', timeStep: 100 }, 100);
    await expect(consume).rejects.toMatchObject({ code: 'replay-cache-unavailable' });
    await expect(consume).rejects.toThrow(message);
    chmodSync(join(root, '..'), 0o700);
    rmSync(root, { recursive: true, force: true });
    expect(await cache.consume({ id: 'a', timeStep: 100 }, 100)).toBe('consumed');
  });

  it.each<[string, (forgotten: string) => void, string]>([
    [
      'a link to elsewhere',
      (forgotten) => {
        symlinkSync(temporaryDirectory(), forgotten);
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
    await open().consume({ id: 'a', timeStep: 100 }, 100);
    rmSync(join(root, 'forgotten'), { recursive: true });
    spoil(join(root, 'forgotten'));
    await expect(open().consume({ id: 'a', timeStep: 101 }, 100)).rejects.toThrow(message);
  });

  it('refuses a step whose directory is a link to elsewhere', async () => {
    const { root, open } = subject();
    await open().consume({ id: 'a', timeStep: 100 }, 100);
    symlinkSync('/tmp', join(root, '101'));
    await expect(open().consume({ id: 'a', timeStep: 101 }, 100)).rejects.toThrow('found a symbolic link');
  });
});

describe('a file system', () => {
  it('without inodes is said once, with the cure; finished steps make room, and it heals by itself', async (context) => {
    const directory = mounted(context, 'nr_inodes=40');
    const cache = subject(directory).open();
    const { consume, log } = watched(cache);
    let timeStep = 100;
    let count = 0;
    while ((await consume(`a${count}`, timeStep)) === 'consumed') count += 1;
    expect(count).toBeGreaterThan(10);
    for (let again = 0; again < 50; again += 1)
      expect(await consume(`b${again}`, timeStep)).toBe('replay-cache-unavailable');
    expect(log).toEqual([
      expect.stringMatching(
        /^error replay cache unavailable; refusing all tokens .*no space or no inodes are left there: make room/,
      ),
    ]);
    // Time goes on: pruning needs no inode of its own.
    for (; timeStep < 110; timeStep += 1) {
      await consume('c', timeStep);
      await cache.close();
    }
    expect(await consume('d', timeStep)).toBe('consumed');
    expect(log[1]).toMatch(/^info replay cache recovered .*"refused":\d+/);
    expect(log).toHaveLength(2);
    expect(await consume('a0', 100)).toBe('replay-unknown');
  });

  it.for([2, 3, 4, 5, 6, 7, 8])(
    'that has room for only %i of what the first record needs keeps nobody out when there is more',
    async (inodes, context) => {
      const directory = mounted(context, `nr_inodes=${inodes}`);
      const { consume } = watched(subject(join(directory, 'state')).open());
      for (const id of ['a', 'b']) expect(await consume(id, 100)).toBe('replay-cache-unavailable');
      remount(directory, 'nr_inodes=100');
      expect([await consume('c', 100), await consume('c', 100)]).toEqual(['consumed', 'replayed']);
      expect(readdirSync(join(directory, 'state')).sort()).toEqual(['used-tokens', 'used-tokens.began']);
    },
  );

  it('that is full of something else takes tokens on: they need no room', async (context) => {
    const directory = mounted(context, 'size=64k');
    const { consume } = watched(subject(directory).open());
    expect(() => {
      writeFileSync(join(directory, 'filler'), Buffer.alloc(1024 * 1024));
    }).toThrow('ENOSPC');
    for (let timeStep = 100; timeStep < 110; timeStep += 1)
      expect(await consume('a', timeStep)).toBe('consumed');
    expect(await consume('a', 109)).toBe('replayed');
  });

  it('that is read-only for a while is said once, and nothing is accepted twice over it', async (context) => {
    const directory = mounted(context, 'size=1m');
    const { consume, log } = watched(subject(directory).open());
    expect(await consume('a', 100)).toBe('consumed');
    remount(directory, 'ro');
    for (const id of ['a', 'b', 'c']) expect(await consume(id, 100)).not.toBe('consumed');
    expect(log).toEqual([expect.stringContaining('the file system is read-only: mount it writable')]);
    remount(directory, 'rw');
    expect([await consume('a', 100), await consume('b', 100)]).toEqual(['replayed', 'consumed']);
    expect(log).toHaveLength(2);
  });

  it('in which a file stands in the way is said, and heals', async () => {
    const directory = join(temporaryDirectory(), 'state');
    writeFileSync(directory, '');
    const { consume, log } = watched(subject(directory).open());
    expect(await consume('a', 100)).toBe('replay-cache-unavailable');
    expect(log).toEqual([expect.stringContaining('something that is no directory is in its way')]);
    rmSync(directory);
    expect(await consume('a', 100)).toBe('consumed');
  });
});
