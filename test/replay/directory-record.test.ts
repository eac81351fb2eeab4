import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DirectoryRecord } from '../../src/replay/directory-record.js';
import { temporaryFolder } from '../support/folder.js';

const STEP = 30_000;

interface Subject {
  readonly root: string;
  readonly troubles: string[];
  /** Another process of the same machine. */
  readonly open: () => DirectoryRecord;
}

function subject(horizon: () => number = () => 0): Subject {
  const root = join(temporaryFolder(), 'state', 'used-tokens');
  const troubles: string[] = [];
  const open = (): DirectoryRecord => {
    const record = new DirectoryRecord({ root, horizon, onTrouble: (message) => troubles.push(message) });
    onTestFinished(() => record.close());
    return record;
  };
  return { root, troubles, open };
}

describe('DirectoryRecord', () => {
  it('lets a credential be claimed once, by whichever process and after whichever restart', async () => {
    const { open } = subject();
    const [first, second] = [open(), open()];
    const a = { id: 'a', step: 100 };
    expect(await first.claim(a, 100)).toBe('claimed');
    expect(await first.claim(a, 101)).toBe('replayed');
    expect(await second.claim(a, 101)).toBe('replayed');
    expect(await open().claim(a, 101)).toBe('replayed');
    expect(await second.claim({ id: 'a', step: 101 }, 101)).toBe('claimed');
    expect(await second.claim({ id: 'b', step: 100 }, 101)).toBe('claimed');
  });

  it('refuses what could have been used before the machine started, and the deviation after', async () => {
    const { open } = subject(() => 200 * STEP + 1);
    const record = open();
    expect(await record.claim({ id: 'a', step: 200 }, 200)).toBe('before-horizon');
    expect(await record.claim({ id: 'a', step: 201 }, 200)).toBe('before-horizon');
    expect(await record.claim({ id: 'a', step: 202 }, 201)).toBe('claimed');
  });

  it('keeps everything for its user alone, under names that tell nothing', async () => {
    const { root, open } = subject();
    await open().claim({ id: 'signature', step: 100 }, 100);
    expect(statSync(join(root, '..')).mode & 0o777).toBe(0o700);
    expect(statSync(root).mode & 0o777).toBe(0o700);
    const [name = ''] = readdirSync(join(root, '100'));
    expect(name).toMatch(/^[\w-]{43}$/);
    expect(statSync(join(root, '100', name))).toMatchObject({ size: 0, mode: 0o100600 });
  });

  it('removes finished steps, and refuses what belonged to them when the clock is set back', async () => {
    const { root, open } = subject();
    const record = open();
    for (let step = 100; step < 120; step += 1) {
      for (const id of ['a', 'b']) expect(await record.claim({ id, step }, step)).toBe('claimed');
      await record.close();
    }
    expect(readdirSync(root).sort()).toEqual(['115', '116', '117', '118', '119', 'forgotten']);
    const forgotten = readdirSync(join(root, 'forgotten'));
    expect(forgotten).toHaveLength(2);
    expect(forgotten).toContain('100-114');
    for (const process of [record, open()]) {
      expect(await process.claim({ id: 'a', step: 110 }, 110)).toBe('before-horizon');
      expect(await process.claim({ id: 'never used', step: 110 }, 110)).toBe('before-horizon');
      expect(await process.claim({ id: 'a', step: 119 }, 119)).toBe('replayed');
    }
  });

  it('serves as before once a clock that was a year ahead is right again', async () => {
    const { open } = subject();
    const record = open();
    const year = 365 * 24 * 120;
    await record.claim({ id: 'a', step: 100 }, 100);
    for (let step = year; step < year + 10; step += 1) {
      await record.claim({ id: 'far', step }, step);
      await record.close();
    }
    expect(await record.claim({ id: 'a', step: 100 }, 101)).toBe('before-horizon');
    expect(await record.claim({ id: 'b', step: 102 }, 101)).toBe('claimed');
    expect(await open().claim({ id: 'far', step: year }, year)).toBe('before-horizon');
  });

  it('refuses all that could have been used, where the directory is removed under it', async () => {
    const { root, open } = subject();
    const [first, second] = [open(), open()];
    for (const process of [first, second])
      await process.claim({ id: `of ${process === first}`, step: 100 }, 100);
    rmSync(root, { recursive: true });
    for (const process of [first, second, open()]) {
      expect(await process.claim({ id: 'of true', step: 100 }, 100)).toBe('before-horizon');
      expect(await process.claim({ id: 'new', step: 101 }, 100)).toBe('before-horizon');
    }
    expect(await first.claim({ id: 'new', step: 102 }, 101)).toBe('claimed');
    expect(await second.claim({ id: 'new', step: 102 }, 101)).toBe('replayed');
  });

  it('tells a new process, too, that it was removed', async () => {
    const { root, open } = subject();
    await open().claim({ id: 'a', step: 100 }, 100);
    rmSync(root, { recursive: true });
    const another = open();
    expect(await another.claim({ id: 'a', step: 100 }, 100)).toBe('before-horizon');
    expect(await another.claim({ id: 'b', step: 101 }, 100)).toBe('before-horizon');
    expect(await another.claim({ id: 'b', step: 102 }, 101)).toBe('claimed');
  });

  it('goes on where one that made the first record died, and keeps nobody out', async () => {
    const { root, open } = subject();
    await open().claim({ id: 'a', step: 100 }, 100);
    const [name = ''] = readdirSync(`${root}.began`);
    // As it was between the mark and the record.
    rmSync(join(root, '100'), { recursive: true });
    renameSync(root, `${root}.new-${name}`);
    const [first, second] = [open(), open()];
    expect(await first.claim({ id: 'a', step: 100 }, 100)).toBe('claimed');
    expect(await second.claim({ id: 'a', step: 100 }, 100)).toBe('replayed');
    expect(readdirSync(join(root, '..')).sort()).toEqual(['used-tokens', 'used-tokens.began']);
  });

  it('keeps nobody out because an idle process wakes that knew an earlier record', async () => {
    const { root, open } = subject();
    const [busy, ...idle] = [open(), open(), open(), open()];
    for (const record of [busy, ...idle]) await record.claim({ id: 'a', step: 100 }, 100);
    rmSync(root, { recursive: true });
    expect(await busy.claim({ id: 'b', step: 101 }, 101)).toBe('before-horizon');
    for (const [index, record] of idle.entries()) {
      const now = 110 + index;
      expect(await busy.claim({ id: `busy ${now}`, step: now }, now)).toBe('claimed');
      expect(await record.claim({ id: `idle ${now}`, step: now }, now)).toBe('claimed');
      expect(await busy.claim({ id: `again ${now}`, step: now }, now)).toBe('claimed');
      expect(await record.claim({ id: 'a', step: 100 }, now)).toBe('before-horizon');
    }
  });

  it('takes nothing twice where an earlier record is put back', async () => {
    const { root, open } = subject();
    const [first, second] = [open(), open()];
    for (const record of [first, second]) await record.claim({ id: 'a', step: 100 }, 100);
    renameSync(root, `${root}.away`);
    await first.claim({ id: 'b', step: 102 }, 101);
    expect(await second.claim({ id: 'b', step: 103 }, 102)).toBe('claimed');
    rmSync(root, { recursive: true });
    // Both were used; each of them has tokens that the other does not know.
    renameSync(`${root}.away`, root);
    for (const record of [first, open(), second]) {
      expect(await record.claim({ id: 'b', step: 103 }, 102)).toBe('before-horizon');
      expect(await record.claim({ id: 'a', step: 100 }, 100)).not.toBe('claimed');
    }
    expect(await first.claim({ id: 'c', step: 104 }, 103)).toBe('claimed');
  });

  it('notices that all was removed and made anew by another process meanwhile', async () => {
    const { root, open } = subject();
    const first = open();
    await first.claim({ id: 'a', step: 100 }, 100);
    rmSync(join(root, '..'), { recursive: true });
    // A process that knows nothing of it takes this for the first start of all.
    const second = open();
    await second.claim({ id: 'b', step: 100 }, 100);
    expect(await first.claim({ id: 'a', step: 100 }, 100)).toBe('before-horizon');
    expect(await second.claim({ id: 'c', step: 101 }, 100)).toBe('before-horizon');
  });

  it.each(['100', 'forgotten'])('notices that a part of it was removed: %s', async (part) => {
    const { root, open } = subject();
    const record = open();
    await record.claim({ id: 'a', step: 100 }, 100);
    rmSync(join(root, part), { recursive: true });
    // A process that has the step's directory knows all of its tokens; another learns from what is left.
    if (part === 'forgotten') {
      expect(await record.claim({ id: 'a', step: 100 }, 100)).toBe('replayed');
      expect(await open().claim({ id: 'c', step: 100 }, 100)).toBe('before-horizon');
    }
    expect(await record.claim({ id: 'b', step: 100 }, 100)).toBe('before-horizon');
    expect(await open().claim({ id: 'c', step: 100 }, 100)).toBe('before-horizon');
    expect(await record.claim({ id: 'a', step: 100 }, 100)).not.toBe('claimed');
    expect(await record.claim({ id: 'a', step: 102 }, 101)).toBe('claimed');
  });

  it('is not fooled by an empty directory in its place', async () => {
    const { root, open } = subject();
    const record = open();
    await record.claim({ id: 'a', step: 100 }, 100);
    renameSync(root, `${root}.stolen`);
    mkdirSync(root, { mode: 0o700 });
    expect(await record.claim({ id: 'a', step: 100 }, 100)).toBe('before-horizon');
    expect(await open().claim({ id: 'a', step: 100 }, 100)).toBe('before-horizon');
  });

  it('forgets a made-up credential', async () => {
    const { open } = subject();
    const record = open();
    const use = { id: 'made up', step: 100 };
    await record.claim(use, 100);
    await record.forget(use);
    expect(await record.claim(use, 100)).toBe('claimed');
  });

  it('accepts nothing twice, in any order, by any process, with any clock, whatever is removed', async () => {
    const act = fc.record({
      process: fc.nat(2),
      id: fc.constantFrom('a', 'b'),
      step: fc.integer({ min: 1, max: 12 }),
      deviation: fc.integer({ min: -1, max: 1 }),
      event: fc.oneof(
        { weight: 12, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constantFrom('restart', 'prune', 'removed') },
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
        const root = join(temporaryFolder(), 'used-tokens');
        const open = (): DirectoryRecord =>
          new DirectoryRecord({ root, horizon: () => 0, onTrouble: () => undefined });
        const processes = [open(), open(), open()];
        const claimed = new Set<string>();
        // Every process has used the record before anything happens to it, and uses it after that.
        const touch = async (): Promise<void> => {
          for (const record of processes) await record.claim({ id: 'made up', step: 2 }, 2);
        };
        await touch();
        for (const { process, id, step, deviation, event } of acts) {
          if (event === 'restart') processes[process] = open();
          if (event === 'prune') await processes[process]?.close();
          if (event === 'removed') rmSync(root, { recursive: true, force: true });
          if (event !== undefined) await touch();
          const name = `${id} of ${step}`;
          const claim = await processes[process]?.claim({ id: name, step }, step + deviation);
          if (claim === 'claimed') expect(claimed).not.toContain(name);
          if (claim === 'claimed') claimed.add(name);
        }
        await Promise.all(processes.map((record) => record.close()));
      }),
      { numRuns: 200 },
    );
  });
});
