import { mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { JournalReplayCache } from '../../../src/replay/journal/journal-cache.js';
import { temporaryDirectory } from '../../support/directory.js';
import { tokenUse } from '../../support/token-use.js';

interface Subject {
  readonly root: string;
  readonly warnings: string[];
  /** Another process of the same machine. */
  readonly open: () => JournalReplayCache;
}

function subject(): Subject {
  const root = join(temporaryDirectory(), 'state', 'replay-cache');
  const warnings: string[] = [];
  const open = (): JournalReplayCache => {
    const cache = new JournalReplayCache({
      root,
      cacheEpoch: () => 0,
      onWarning: (message) => warnings.push(message),
    });
    onTestFinished(() => cache.close());
    return cache;
  };
  return { root, warnings, open };
}

describe('JournalReplayCache', () => {
  it('is readable by its user only, and its records reveal nothing', async () => {
    const { root, open } = subject();
    await open().consume(tokenUse('signature', 100), 100);
    expect(statSync(join(root, '..')).mode & 0o777).toBe(0o700);
    expect(statSync(root).mode & 0o777).toBe(0o700);
    expect(readdirSync(root).sort()).toEqual(['created', 'journal-100']);
    expect(readlinkSync(join(root, 'created'))).toMatch(/^100-[0-9a-f]{16}$/);
    expect(statSync(join(root, 'journal-100')).mode).toBe(0o100600);
    // The first 18 bytes of the signature, and a random UUID.
    const [, record = '', end] = readFileSync(join(root, 'journal-100'), 'utf8').split('\n');
    expect([record.length, end]).toEqual([60, '']);
    const { id } = tokenUse('signature', 100);
    expect(record.slice(0, 24)).toBe(Buffer.from(id, 'latin1').toString('base64url', 0, 18));
  });

  it('prunes time steps, and refuses their tokens when the clock is set back', async () => {
    const { root, open } = subject();
    const cache = open();
    for (let timeStep = 100; timeStep < 120; timeStep += 1) {
      for (const id of ['a', 'b'])
        expect(await cache.consume(tokenUse(id, timeStep), timeStep)).toBe('consumed');
      await cache.close();
    }
    expect(readdirSync(root).filter((name) => name !== 'created')).toEqual([
      ...[115, 116, 117, 118, 119].map((timeStep) => `journal-${timeStep}`),
      ...[110, 111, 112, 113, 114].map((timeStep) => `pruned-100-${timeStep}`),
    ]);
    expect(statSync(join(root, 'pruned-100-114')).size).toBe(0);
    for (const process of [cache, open()]) {
      expect(await process.consume(tokenUse('a', 110), 110)).toBe('replay-unknown');
      expect(await process.consume(tokenUse('never used', 110), 110)).toBe('replay-unknown');
      expect(await process.consume(tokenUse('a', 119), 119)).toBe('replayed');
    }
  });

  it('accepts tokens again once a clock that was a year ahead is right again', async () => {
    const { open } = subject();
    const cache = open();
    const year = 365 * 24 * 120;
    await cache.consume(tokenUse('a', 100), 100);
    for (let timeStep = year; timeStep < year + 10; timeStep += 1) {
      await cache.consume(tokenUse('far', timeStep), timeStep);
      await cache.close();
    }
    expect(await cache.consume(tokenUse('a', 100), 101)).toBe('replay-unknown');
    expect(await cache.consume(tokenUse('b', 102), 101)).toBe('consumed');
    expect(await open().consume(tokenUse('far', year), year)).toBe('replay-unknown');
  });

  it('refuses tokens that could have been used if the directory is removed while it is open', async () => {
    const { root, open } = subject();
    const [first, second] = [open(), open()];
    for (const process of [first, second])
      await process.consume(tokenUse(`of ${process === first}`, 100), 100);
    rmSync(root, { recursive: true });
    for (const process of [first, second, open()]) {
      expect(await process.consume(tokenUse('of true', 100), 100)).toBe('replay-unknown');
      expect(await process.consume(tokenUse('new', 101), 100)).toBe('replay-unknown');
    }
    expect(await first.consume(tokenUse('new', 102), 101)).toBe('consumed');
    expect(await second.consume(tokenUse('new', 102), 101)).toBe('replayed');
  });

  it('is known to be removed by a new process, too', async () => {
    const { root, open } = subject();
    await open().consume(tokenUse('a', 100), 100);
    rmSync(root, { recursive: true });
    const another = open();
    expect(await another.consume(tokenUse('a', 100), 100)).toBe('replay-unknown');
    expect(await another.consume(tokenUse('b', 101), 100)).toBe('replay-unknown');
    expect(await another.consume(tokenUse('b', 102), 101)).toBe('consumed');
  });

  it('accepts tokens if the process that created the first replay cache crashed', async () => {
    const { root, open } = subject();
    await open().consume(tokenUse('a', 100), 100);
    // As it was before the link was made.
    rmSync(join(root, 'journal-100'));
    rmSync(`${root}.began`);
    const [first, second] = [open(), open()];
    expect(await first.consume(tokenUse('a', 100), 100)).toBe('consumed');
    expect(await second.consume(tokenUse('a', 100), 100)).toBe('replayed');
    expect(readdirSync(join(root, '..')).sort()).toEqual(['replay-cache', 'replay-cache.began']);
  });

  it('accepts tokens after an idle process wakes that knew an earlier replay cache', async () => {
    const { root, open } = subject();
    const [busy, ...idle] = [open(), open(), open(), open()];
    for (const cache of [busy, ...idle]) await cache.consume(tokenUse('a', 100), 100);
    rmSync(root, { recursive: true });
    expect(await busy.consume(tokenUse('b', 101), 101)).toBe('replay-unknown');
    for (const [index, cache] of idle.entries()) {
      const now = 110 + index;
      expect(await busy.consume(tokenUse(`busy ${now}`, now), now)).toBe('consumed');
      expect(await cache.consume(tokenUse(`idle ${now}`, now), now)).toBe('consumed');
      expect(await busy.consume(tokenUse(`again ${now}`, now), now)).toBe('consumed');
      expect(await cache.consume(tokenUse('a', 100), now)).toBe('replay-unknown');
    }
  });

  it('accepts nothing twice if an earlier replay cache is put back', async () => {
    const { root, open } = subject();
    const [first, second] = [open(), open()];
    for (const cache of [first, second]) await cache.consume(tokenUse('a', 100), 100);
    renameSync(root, `${root}.away`);
    await first.consume(tokenUse('b', 102), 101);
    expect(await second.consume(tokenUse('b', 103), 102)).toBe('consumed');
    rmSync(root, { recursive: true });
    // Both were used; each of them has tokens that the other does not know.
    renameSync(`${root}.away`, root);
    for (const cache of [first, open(), second]) {
      expect(await cache.consume(tokenUse('b', 103), 102)).toBe('replay-unknown');
      expect(await cache.consume(tokenUse('a', 100), 100)).not.toBe('consumed');
    }
    expect(await first.consume(tokenUse('c', 104), 103)).toBe('consumed');
  });

  it('notices that another process has created a new one meanwhile', async () => {
    const { root, open } = subject();
    const first = open();
    await first.consume(tokenUse('a', 100), 100);
    rmSync(join(root, '..'), { recursive: true });
    // A process that knows nothing of it takes this for the first start of all.
    const second = open();
    await second.consume(tokenUse('b', 100), 100);
    expect(await first.consume(tokenUse('a', 100), 100)).toBe('replay-unknown');
    expect(await second.consume(tokenUse('c', 101), 100)).toBe('replay-unknown');
  });

  it.each(['journal-100', 'created'])('notices that a part of it was removed: %s', async (part) => {
    const { root, open } = subject();
    const cache = open();
    await cache.consume(tokenUse('a', 100), 100);
    for (const name of readdirSync(root)) if (name.startsWith(part)) rmSync(join(root, name));
    // A process that has the journal knows all of its tokens; another learns from what is left.
    if (part === 'created') {
      expect(await cache.consume(tokenUse('a', 100), 100)).toBe('replayed');
      expect(await open().consume(tokenUse('c', 100), 100)).toBe('replay-unknown');
    }
    expect(await cache.consume(tokenUse('b', 100), 100)).toBe('replay-unknown');
    expect(await open().consume(tokenUse('c', 100), 100)).toBe('replay-unknown');
    expect(await cache.consume(tokenUse('a', 100), 100)).not.toBe('consumed');
    expect(await cache.consume(tokenUse('a', 102), 101)).toBe('consumed');
  });

  it('is not replaced by an empty directory in its place', async () => {
    const { root, open } = subject();
    const cache = open();
    await cache.consume(tokenUse('a', 100), 100);
    renameSync(root, `${root}.stolen`);
    mkdirSync(root, { mode: 0o700 });
    expect(await cache.consume(tokenUse('a', 100), 100)).toBe('replay-unknown');
    expect(await open().consume(tokenUse('a', 100), 100)).toBe('replay-unknown');
  });

  it('accepts nothing twice, in any order, by any process, with any clock, whatever is removed', async () => {
    const act = fc.record({
      process: fc.nat(2),
      id: fc.constantFrom('a', 'b'),
      timeStep: fc.integer({ min: 1, max: 12 }),
      deviation: fc.integer({ min: -1, max: 1 }),
      event: fc.oneof(
        { weight: 12, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constantFrom('restart', 'prune', 'removed') },
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
        const root = join(temporaryDirectory(), 'replay-cache');
        const open = (): JournalReplayCache =>
          new JournalReplayCache({ root, cacheEpoch: () => 0, onWarning: () => undefined });
        const processes = [open(), open(), open()];
        const consumed = new Set<string>();
        // Every process has used the record before anything happens to it, and uses it after that.
        const touch = async (): Promise<void> => {
          for (const cache of processes) await cache.consume(tokenUse('made up', 2), 2);
        };
        await touch();
        for (const { process, id, timeStep, deviation, event } of acts) {
          if (event === 'restart') processes[process] = open();
          if (event === 'prune') await processes[process]?.close();
          if (event === 'removed') rmSync(root, { recursive: true, force: true });
          if (event !== undefined) await touch();
          const name = `${id} of ${timeStep}`;
          const consume = await processes[process]?.consume(tokenUse(name, timeStep), timeStep + deviation);
          if (consume === 'consumed') expect(consumed).not.toContain(name);
          if (consume === 'consumed') consumed.add(name);
        }
        await Promise.all(processes.map((cache) => cache.close()));
      }),
      { numRuns: 200 },
    );
  });
});
