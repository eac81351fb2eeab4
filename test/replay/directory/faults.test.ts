import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { observeReplayCache } from '../../../src/daemon/observed-stores.js';
import { DirectoryReplayCache } from '../../../src/replay/directory/directory-cache.js';
import type { ConsumeResult, ReplayCache } from '../../../src/replay/replay-cache.js';
import { temporaryDirectory } from '../../support/directory.js';
import { mountTmpfs, remount } from '../../support/system/mounts.js';
import { requirePackage } from '../../support/run/requirements.js';

interface Subject {
  readonly root: string;
  readonly warnings: string[];
  readonly open: () => DirectoryReplayCache;
}

function subject(directory = join(temporaryDirectory(), 'state')): Subject {
  const root = join(directory, 'used-tokens');
  const warnings: string[] = [];
  const onWarning = (message: string): unknown => warnings.push(message);
  const open = (): DirectoryReplayCache => {
    const cache = new DirectoryReplayCache({ root, cacheEpoch: () => 0, onWarning });
    // A file system with open directories cannot be unmounted.
    onTestFinished(() => cache.close());
    return cache;
  };
  return { root, warnings, open };
}

/** Returns a replay cache as the daemon uses it, and its log. */
function observed(cache: ReplayCache): {
  consume: (id: string, timeStep: number) => Promise<ConsumeResult>;
  log: string[];
} {
  const log: string[] = [];
  const observing = observeReplayCache(cache, {
    write: (level, message, fields = {}) => log.push(`${level} ${message} ${JSON.stringify(fields)}`),
    close: () => undefined,
  });
  return { consume: (id, timeStep) => observing.consume({ id, timeStep }, timeStep), log };
}

function mounted(context: TestContext, options: string): string {
  const directory = mountTmpfs(options);
  requirePackage(context, directory !== undefined, 'mount (as root)');
  return directory ?? '';
}

describe('a fault in the directory', () => {
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
      'write permission for others',
      (root) => {
        mkdirSync(root);
        chmodSync(root, 0o770);
      },
      "run: chmod go-w '",
    ],
    [
      'write permission for others in its parent',
      (root) => {
        chmodSync(join(root, '..'), 0o777);
      },
      'fix: chmod o-w /',
    ],
  ])('refuses tokens if there is %s, and recovers', async (_, spoil, message) => {
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
  ])('refuses tokens if the pruned time steps are in %s', async (_, spoil, message) => {
    const { root, open } = subject();
    await open().consume({ id: 'a', timeStep: 100 }, 100);
    rmSync(join(root, 'forgotten'), { recursive: true });
    spoil(join(root, 'forgotten'));
    await expect(open().consume({ id: 'a', timeStep: 101 }, 100)).rejects.toThrow(message);
  });

  it('refuses tokens of a time step whose directory is a link', async () => {
    const { root, open } = subject();
    await open().consume({ id: 'a', timeStep: 100 }, 100);
    symlinkSync('/tmp', join(root, '101'));
    await expect(open().consume({ id: 'a', timeStep: 101 }, 100)).rejects.toThrow('found a symbolic link');
  });
});

describe('a file system', () => {
  it('without inodes is reported once, with the fix; pruning frees inodes, and it recovers', async (context) => {
    const directory = mounted(context, 'nr_inodes=40');
    const cache = subject(directory).open();
    const { consume, log } = observed(cache);
    let timeStep = 100;
    let count = 0;
    while ((await consume(`a${count}`, timeStep)) === 'consumed') count += 1;
    expect(count).toBeGreaterThan(10);
    for (let again = 0; again < 50; again += 1)
      expect(await consume(`b${again}`, timeStep)).toBe('replay-cache-unavailable');
    expect(log).toEqual([
      expect.stringMatching(
        /^error replay cache unavailable; refusing all tokens .*no space or no inodes are left: free some/,
      ),
    ]);
    // Pruning needs no inode of its own.
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
    'that has only %i of the inodes for the first replay cache accepts tokens once there are more',
    async (inodes, context) => {
      const directory = mounted(context, `nr_inodes=${inodes}`);
      const { consume } = observed(subject(join(directory, 'state')).open());
      for (const id of ['a', 'b']) expect(await consume(id, 100)).toBe('replay-cache-unavailable');
      remount(directory, 'nr_inodes=100');
      expect([await consume('c', 100), await consume('c', 100)]).toEqual(['consumed', 'replayed']);
      expect(readdirSync(join(directory, 'state')).sort()).toEqual(['used-tokens', 'used-tokens.began']);
    },
  );

  it('that is full still accepts tokens: they need no space', async (context) => {
    const directory = mounted(context, 'size=64k');
    const { consume } = observed(subject(directory).open());
    expect(() => {
      writeFileSync(join(directory, 'filler'), Buffer.alloc(1024 * 1024));
    }).toThrow('ENOSPC');
    for (let timeStep = 100; timeStep < 110; timeStep += 1)
      expect(await consume('a', timeStep)).toBe('consumed');
    expect(await consume('a', 109)).toBe('replayed');
  });

  it('that is read-only for a while is reported once, and nothing is accepted twice', async (context) => {
    const directory = mounted(context, 'size=1m');
    const { consume, log } = observed(subject(directory).open());
    expect(await consume('a', 100)).toBe('consumed');
    remount(directory, 'ro');
    for (const id of ['a', 'b', 'c']) expect(await consume(id, 100)).not.toBe('consumed');
    expect(log).toEqual([expect.stringContaining('the file system is read-only: mount it writable')]);
    remount(directory, 'rw');
    expect([await consume('a', 100), await consume('b', 100)]).toEqual(['replayed', 'consumed']);
    expect(log).toHaveLength(2);
  });

  it('with a file in the way is reported, and recovers', async () => {
    const directory = join(temporaryDirectory(), 'state');
    writeFileSync(directory, '');
    const { consume, log } = observed(subject(directory).open());
    expect(await consume('a', 100)).toBe('replay-cache-unavailable');
    expect(log).toEqual([expect.stringContaining('a file that is not a directory is in the way')]);
    rmSync(directory);
    expect(await consume('a', 100)).toBe('consumed');
  });
});
