import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { JournalReplayCache } from '../../../src/replay/journal/journal-cache.js';
import { temporaryDirectory, temporaryFile } from '../../support/directory.js';
import { tokenUse } from '../../support/token-use.js';

interface Subject {
  readonly root: string;
  readonly warnings: string[];
  readonly cache: JournalReplayCache;
}

function subject(): Subject {
  const root = join(temporaryDirectory(), 'state', 'replay-cache');
  const warnings: string[] = [];
  const onWarning = (message: string): unknown => warnings.push(message);
  const cache = new JournalReplayCache({ root, cacheEpoch: () => 0, onWarning });
  onTestFinished(() => cache.close());
  return { root, warnings, cache };
}

describe('an unexpected entry in the directory', () => {
  it.each<[string, (root: string) => void, string]>([
    [
      'notes',
      (root) => {
        writeFileSync(join(root, 'notes.txt'), '');
      },
      'notes.txt',
    ],
    [
      'a directory with the name of a journal',
      (root) => {
        mkdirSync(join(root, 'journal-90', 'more'), { recursive: true });
      },
      'journal-90',
    ],
    [
      'a link with the name of a journal',
      (root) => {
        symlinkSync(temporaryFile(''), join(root, 'journal-90'));
      },
      'journal-90',
    ],
    [
      'a directory with the name of a mark',
      (root) => {
        mkdirSync(join(root, 'pruned-1-5'));
      },
      'pruned-1-5',
    ],
  ])('is left alone, does not prevent pruning, and is reported once: %s', async (_, spoil, name) => {
    const { root, warnings, cache } = subject();
    for (const timeStep of [100, 101]) await cache.consume(tokenUse('a', timeStep), timeStep);
    spoil(root);
    for (let timeStep = 102; timeStep < 115; timeStep += 1) {
      for (const id of ['a', 'b'])
        expect(await cache.consume(tokenUse(id, timeStep), timeStep)).toBe('consumed');
      await cache.close();
    }
    const journals = [110, 111, 112, 113, 114].map((timeStep) => `journal-${timeStep}`);
    const marks = [105, 106, 107, 108, 109].map((timeStep) => `pruned-100-${timeStep}`);
    const names = readdirSync(root).filter((entry) => entry !== 'created');
    expect(names.sort()).toEqual([...journals, ...marks, name].sort());
    expect(warnings).toEqual([expect.stringContaining(`${name}: this does not belong to the replay cache`)]);
    expect(await cache.consume(tokenUse('a', 100), 100)).toBe('replay-unknown');
  });

  it('that cannot be removed does not prevent the removal of the rest', async (context) => {
    const { root, warnings, cache } = subject();
    for (const timeStep of [100, 101]) await cache.consume(tokenUse('a', timeStep), timeStep);
    const stuck = join(root, 'journal-100');
    const isImmutable = spawnSync('chattr', ['+i', stuck]).status === 0;
    if (!isImmutable) context.skip('no chattr +i here');
    onTestFinished(() => void spawnSync('chattr', ['-i', stuck]));
    for (let timeStep = 102; timeStep < 110; timeStep += 1) {
      await cache.consume(tokenUse('a', timeStep), timeStep);
      await cache.close();
    }
    const journals = [100, 105, 106, 107, 108, 109].map((timeStep) => `journal-${timeStep}`);
    expect(readdirSync(root).filter((entry) => entry.startsWith('journal-'))).toEqual(journals);
    expect(warnings).toEqual([expect.stringMatching(/^pruning is incomplete: .*journal-100: /)]);
    expect(await cache.consume(tokenUse('a', 100), 100)).toBe('replay-unknown');
  });
});
