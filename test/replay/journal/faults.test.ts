import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { observeReplayCache } from '../../../src/daemon/observed-stores.js';
import { JournalReplayCache } from '../../../src/replay/journal/journal-cache.js';
import type { ConsumeResult, ReplayCache } from '../../../src/replay/replay-cache.js';
import { temporaryDirectory, temporaryFile } from '../../support/directory.js';
import { mountTmpfs, remount } from '../../support/system/mounts.js';
import { requirePackage } from '../../support/run/requirements.js';
import { tokenUse } from '../../support/token-use.js';

interface Subject {
  readonly root: string;
  readonly warnings: string[];
  readonly open: () => JournalReplayCache;
}

function subject(directory = join(temporaryDirectory(), 'state')): Subject {
  const root = join(directory, 'replay-cache');
  const warnings: string[] = [];
  const onWarning = (message: string): unknown => warnings.push(message);
  const open = (): JournalReplayCache => {
    const cache = new JournalReplayCache({ root, cacheEpoch: () => 0, onWarning });
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
  return { consume: (id, timeStep) => observing.consume(tokenUse(id, timeStep), timeStep), log };
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
    const consume = cache.consume(tokenUse('a', 100), 100);
    await expect(consume).rejects.toMatchObject({ code: 'replay-cache-unavailable' });
    await expect(consume).rejects.toThrow(message);
    chmodSync(join(root, '..'), 0o700);
    rmSync(root, { recursive: true, force: true });
    expect(await cache.consume(tokenUse('a', 100), 100)).toBe('consumed');
  });

  it.each<[string, (journal: string) => void, string]>([
    [
      'a link to elsewhere',
      (journal) => {
        symlinkSync(temporaryFile(''), journal);
      },
      'expected a file, found a symbolic link: remove it',
    ],
    [
      'a directory',
      (journal) => {
        mkdirSync(journal);
      },
      'expected a file, found a directory: remove it',
    ],
    [
      'a file that others may write to',
      (journal) => {
        writeFileSync(journal, '');
        chmodSync(journal, 0o666);
      },
      'other users can write there',
    ],
    [
      'another file',
      (journal) => {
        writeFileSync(journal, Buffer.alloc(100_000), { mode: 0o600 });
      },
      'expected lines of 60 characters, found other data. Tokens of this time step are refused until',
    ],
  ])('refuses tokens of a time step whose journal is %s', async (_, spoil, message) => {
    const { root, open } = subject();
    await open().consume(tokenUse('a', 100), 100);
    spoil(join(root, 'journal-101'));
    await expect(open().consume(tokenUse('a', 101), 100)).rejects.toThrow(message);
  });
});

describe('a file system', () => {
  it('without inodes is reported once, with the fix; pruning frees inodes, and it recovers', async (context) => {
    const directory = mounted(context, 'nr_inodes=40');
    const cache = subject(directory).open();
    const { consume, log } = observed(cache);
    for (let timeStep = 85; timeStep <= 100; timeStep += 1) {
      expect(await consume('a', timeStep)).toBe('consumed');
      await cache.close();
    }
    const fill = (): void => {
      for (let count = 0; ; count += 1) writeFileSync(join(directory, `filler ${count}`), '');
    };
    expect(fill).toThrow('ENOSPC');
    // Only the first token of a time step needs an inode.
    expect([await consume('b', 100), await consume('b', 100)]).toEqual(['consumed', 'replayed']);
    for (let again = 0; again < 50; again += 1)
      expect(await consume('c', 101)).toBe('replay-cache-unavailable');
    expect(log).toEqual([
      expect.stringMatching(
        /^error replay cache unavailable; refusing all tokens .*no space or no inodes are left: free some/,
      ),
    ]);
    // Pruning needs no inode of its own.
    let timeStep = 102;
    for (; timeStep < 104; timeStep += 1) {
      await consume('d', timeStep);
      await cache.close();
    }
    expect(await consume('d', timeStep)).toBe('consumed');
    expect(log[1]).toMatch(/^info replay cache recovered .*"refused":\d+/);
    expect(log).toHaveLength(2);
    expect(await consume('a', 95)).toBe('replay-unknown');
  });

  it.for([2, 3, 4, 5])(
    'that has only %i of the inodes for the first replay cache accepts tokens once there are more',
    async (inodes, context) => {
      const directory = mounted(context, `nr_inodes=${inodes}`);
      const { consume } = observed(subject(join(directory, 'state')).open());
      for (const id of ['a', 'b']) expect(await consume(id, 100)).toBe('replay-cache-unavailable');
      remount(directory, 'nr_inodes=100');
      expect([await consume('c', 100), await consume('c', 100)]).toEqual(['consumed', 'replayed']);
      expect(readdirSync(join(directory, 'state')).sort()).toEqual(['replay-cache', 'replay-cache.began']);
    },
  );

  it('that is full is reported once, and nothing is accepted twice; it recovers', async (context) => {
    const directory = mounted(context, 'size=64k');
    const { open } = subject(directory);
    const { consume, log } = observed(open());
    const filler = join(directory, 'filler');
    expect(await consume('a', 100)).toBe('consumed');
    expect(() => {
      writeFileSync(filler, Buffer.alloc(1024 * 1024));
    }).toThrow('ENOSPC');
    // The journal's last page still has room.
    const results: ConsumeResult[] = [];
    for (let count = 0; count < 100; count += 1) results.push(await consume(String(count), 100));
    const consumed = results.lastIndexOf('consumed') + 1;
    expect(new Set(results.slice(0, consumed))).toEqual(new Set(['consumed']));
    expect(new Set(results.slice(consumed))).toEqual(new Set(['replay-cache-unavailable']));
    expect(consumed).toBe(Math.floor(4096 / 62) - 1);
    expect(log).toEqual([
      expect.stringContaining('a record was written only in part: free space'),
      expect.stringContaining('no space or no inodes are left: free some'),
    ]);
    rmSync(filler);
    // The record that was written in part does not garble the next one.
    for (const cache of [consume, observed(open()).consume]) {
      for (let count = 0; count < 100; count += 1) {
        const isKnown = count < consumed || cache !== consume;
        expect(await cache(String(count), 100)).toBe(isKnown ? 'replayed' : 'consumed');
      }
    }
    expect(log[2]).toMatch(/^info replay cache recovered /);
  });

  it('that is read-only for a while is reported once, and nothing is accepted twice', async (context) => {
    const directory = mounted(context, 'size=1m');
    const cache = subject(directory).open();
    const { consume, log } = observed(cache);
    expect(await consume('a', 100)).toBe('consumed');
    // With an open file, only the kernel can do this.
    await cache.close();
    remount(directory, 'ro');
    for (const id of ['a', 'b', 'c']) expect(await consume(id, 100)).not.toBe('consumed');
    expect(log).toEqual([
      expect.stringContaining('the file system is read-only, as after a fault of the disk'),
    ]);
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
