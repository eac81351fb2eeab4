import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DirectoryRecord } from '../../src/replay/directory-record.js';
import { temporaryFolder } from '../support/folder.js';

interface Subject {
  readonly root: string;
  readonly troubles: string[];
  readonly record: DirectoryRecord;
}

function subject(): Subject {
  const root = join(temporaryFolder(), 'state', 'used-tokens');
  const troubles: string[] = [];
  const onTrouble = (message: string): unknown => troubles.push(message);
  const record = new DirectoryRecord({ root, horizon: () => 0, onTrouble });
  onTestFinished(() => record.close());
  return { root, troubles, record };
}

describe('what is foreign in the directory', () => {
  const TOKEN = 'x'.repeat(43);

  it('leaves alone what is not its own, and says so once', async () => {
    const { root, troubles, record } = subject();
    await record.claim({ id: 'a', step: 100 }, 100);
    writeFileSync(join(root, 'notes.txt'), '');
    writeFileSync(join(root, '100', 'more.txt'), '');
    for (let step = 101; step < 110; step += 1) {
      await record.claim({ id: 'a', step }, step);
      await record.close();
    }
    expect(troubles).toEqual([
      expect.stringContaining(join(root, 'notes.txt')),
      expect.stringContaining(join(root, 'forgotten', '100-100', 'more.txt')),
    ]);
    expect(existsSync(join(root, 'notes.txt'))).toBe(true);
    expect(await record.claim({ id: 'a', step: 100 }, 100)).toBe('before-horizon');
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
        symlinkSync(temporaryFolder(), join(root, '90'));
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
  ])('does not keep finished steps from being removed, and is said once: %s', async (_, spoil, name) => {
    const { root, troubles, record } = subject();
    for (const step of [100, 101]) await record.claim({ id: 'a', step }, step);
    spoil(root);
    for (let step = 102; step < 115; step += 1) {
      for (const id of ['a', 'b']) expect(await record.claim({ id, step }, step)).toBe('claimed');
      await record.close();
    }
    const steps = readdirSync(root).filter((entry) => /^\d+$/.test(entry) && entry !== '90');
    expect(steps.sort()).toEqual(['110', '111', '112', '113', '114']);
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
      /[\w-]{43}$/.test(path),
    );
    expect(files.filter((path) => !path.endsWith(TOKEN))).toHaveLength(10);
    expect(troubles).toEqual([expect.stringContaining(`${name}: this is not of the record`)]);
  });

  it('that cannot be removed does not keep the rest from it', async (context) => {
    const { root, troubles, record } = subject();
    for (const step of [100, 101]) await record.claim({ id: 'a', step }, step);
    const stuck = join(root, '100');
    const isImmutable = spawnSync('chattr', ['+i', stuck]).status === 0;
    if (!isImmutable) context.skip('no chattr +i here');
    onTestFinished(() => void spawnSync('chattr', ['-i', stuck]));
    for (let step = 102; step < 110; step += 1) {
      await record.claim({ id: 'a', step }, step);
      await record.close();
    }
    expect(readdirSync(root).sort()).toEqual(['100', '105', '106', '107', '108', '109', 'forgotten']);
    expect(troubles).toEqual([
      expect.stringMatching(/^not everything of finished steps is removed: .*100: /),
    ]);
  });
});
