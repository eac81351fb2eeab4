import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DirectoryReplayCache } from '../../../src/replay/directory/directory-cache.js';
import { temporaryDirectory } from '../../support/directory.js';

interface Subject {
  readonly root: string;
  readonly warnings: string[];
  readonly cache: DirectoryReplayCache;
}

function subject(): Subject {
  const root = join(temporaryDirectory(), 'state', 'used-tokens');
  const warnings: string[] = [];
  const onWarning = (message: string): unknown => warnings.push(message);
  const cache = new DirectoryReplayCache({ root, cacheEpoch: () => 0, onWarning });
  onTestFinished(() => cache.close());
  return { root, warnings, cache };
}

describe('an unexpected entry in the directory', () => {
  const TOKEN = 'x'.repeat(43);

  it('is left alone, and reported once', async () => {
    const { root, warnings, cache } = subject();
    await cache.consume({ id: 'a', timeStep: 100 }, 100);
    writeFileSync(join(root, 'notes.txt'), '');
    writeFileSync(join(root, '100', 'more.txt'), '');
    for (let timeStep = 101; timeStep < 110; timeStep += 1) {
      await cache.consume({ id: 'a', timeStep }, timeStep);
      await cache.close();
    }
    expect(warnings).toEqual([
      expect.stringContaining(join(root, 'notes.txt')),
      expect.stringContaining(join(root, 'forgotten', '100-100', 'more.txt')),
    ]);
    expect(existsSync(join(root, 'notes.txt'))).toBe(true);
    expect(await cache.consume({ id: 'a', timeStep: 100 }, 100)).toBe('replay-unknown');
  });

  it.each<[string, (root: string) => void, string]>([
    [
      'a file with the name of a step',
      (root) => {
        writeFileSync(join(root, '90'), '');
      },
      '90',
    ],
    [
      'a link with the name of a step',
      (root) => {
        symlinkSync(temporaryDirectory(), join(root, '90'));
      },
      '90',
    ],
    [
      'a directory with the name of a token',
      (root) => {
        mkdirSync(join(root, '100', TOKEN));
      },
      TOKEN,
    ],
    [
      'a file with the name of a range',
      (root) => {
        writeFileSync(join(root, 'forgotten', '1-5'), '');
      },
      '1-5',
    ],
    [
      'a directory of notes',
      (root) => {
        mkdirSync(join(root, '100', 'notes', 'more'), { recursive: true });
      },
      'notes',
    ],
  ])('does not prevent pruning, and is reported once: %s', async (_, spoil, name) => {
    const { root, warnings, cache } = subject();
    for (const timeStep of [100, 101]) await cache.consume({ id: 'a', timeStep }, timeStep);
    spoil(root);
    for (let timeStep = 102; timeStep < 115; timeStep += 1) {
      for (const id of ['a', 'b']) expect(await cache.consume({ id, timeStep }, timeStep)).toBe('consumed');
      await cache.close();
    }
    const timeSteps = readdirSync(root).filter((entry) => /^\d+$/.test(entry) && entry !== '90');
    expect(timeSteps.sort()).toEqual(['110', '111', '112', '113', '114']);
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
      /[\w-]{43}$/.test(path),
    );
    expect(files.filter((path) => !path.endsWith(TOKEN))).toHaveLength(10);
    expect(warnings).toEqual([expect.stringContaining(`${name}: this does not belong to the replay cache`)]);
  });

  it('that cannot be removed does not prevent the removal of the rest', async (context) => {
    const { root, warnings, cache } = subject();
    for (const timeStep of [100, 101]) await cache.consume({ id: 'a', timeStep }, timeStep);
    const stuck = join(root, '100');
    const isImmutable = spawnSync('chattr', ['+i', stuck]).status === 0;
    if (!isImmutable) context.skip('no chattr +i here');
    onTestFinished(() => void spawnSync('chattr', ['-i', stuck]));
    for (let timeStep = 102; timeStep < 110; timeStep += 1) {
      await cache.consume({ id: 'a', timeStep }, timeStep);
      await cache.close();
    }
    expect(readdirSync(root).sort()).toEqual(['100', '105', '106', '107', '108', '109', 'forgotten']);
    expect(warnings).toEqual([expect.stringMatching(/^pruning is incomplete: .*100: /)]);
  });
});
