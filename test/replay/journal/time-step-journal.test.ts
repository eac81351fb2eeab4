import { appendFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RECORD_BYTES, TimeStepJournal } from '../../../src/replay/journal/time-step-journal.js';
import { temporaryDirectory } from '../../support/directory.js';
import { tokenUse } from '../../support/token-use.js';

const id = (name: string): string => tokenUse(name, 0).id;

function open(path: string): TimeStepJournal {
  const journal = new TimeStepJournal(path);
  onTestFinished(() => {
    journal.close();
  });
  return journal;
}

const temporaryPath = (): string => join(temporaryDirectory(), 'journal-100');

/** Returns a record as another process writes it. */
async function record(name: string): Promise<string> {
  const path = temporaryPath();
  await open(path).append(id(name));
  return readFileSync(path, 'latin1');
}

describe('TimeStepJournal', () => {
  it('writes the tokens of an event loop iteration at once', async () => {
    const path = temporaryPath();
    const journal = open(path);
    const results = ['a', 'b', 'a', 'c'].map((name) => journal.append(id(name)));
    expect(await Promise.all(results)).toEqual(['consumed', 'consumed', 'replayed', 'consumed']);
    const lines = readFileSync(path, 'latin1').split('\n').filter(Boolean);
    expect(new Set(lines.map((line) => line.slice(24)))).toHaveProperty('size', 1);
    expect(new Set(lines)).toHaveProperty('size', 3);
    expect(await journal.append(id('d'))).toBe('consumed');
    expect(readFileSync(path)).toHaveLength(4 * RECORD_BYTES);
  });

  it('lets the first record of a token win', async () => {
    const path = temporaryPath();
    const [first, second] = [open(path), open(path)];
    const results = [first, second].map((journal) => journal.append(id('a')));
    expect(await Promise.all(results)).toEqual(['consumed', 'replayed']);
    // The second had not read that of the first.
    expect(readFileSync(path)).toHaveLength(2 * RECORD_BYTES);
    expect(await open(path).append(id('a'))).toBe('replayed');
  });

  it('reads on after a record of any length that was written in part', async () => {
    const [torn, whole] = [await record('torn'), await record('whole')];
    for (let length = 0; length < RECORD_BYTES; length += 1) {
      const path = temporaryPath();
      const early = open(path);
      expect(await early.append(id('a'))).toBe('consumed');
      appendFileSync(path, torn.slice(0, length));
      // This process reads the part alone, then the rest.
      expect(await early.append(id('b'))).toBe('consumed');
      appendFileSync(path, torn.slice(0, length) + whole);
      for (const journal of [early, open(path)]) {
        for (const name of ['a', 'b', 'whole']) expect(await journal.append(id(name))).toBe('replayed');
      }
      // Without its last byte only, it is whole as soon as another one follows. Nobody was told that it was consumed.
      expect(await open(path).append(id('torn'))).toBe(length === RECORD_BYTES - 1 ? 'replayed' : 'consumed');
    }
  });

  it('does not skip a record that was not there in full when it was read', async () => {
    const whole = await record('a');
    for (let length = 1; length < RECORD_BYTES; length += 1) {
      const path = temporaryPath();
      writeFileSync(path, whole.slice(0, length), { mode: 0o600 });
      const journal = open(path);
      appendFileSync(path, whole.slice(length));
      expect(await journal.append(id('b'))).toBe('consumed');
      expect(await journal.append(id('a'))).toBe('replayed');
    }
  });

  it('reads a file that is larger than its buffer', async () => {
    const path = temporaryPath();
    const journal = open(path);
    const names = Array.from({ length: 5000 }, (_, index) => String(index));
    expect(new Set(await Promise.all(names.map((name) => journal.append(id(name)))))).toEqual(
      new Set(['consumed']),
    );
    const another = open(path);
    expect(new Set(await Promise.all(names.map((name) => another.append(id(name)))))).toEqual(
      new Set(['replayed']),
    );
    expect(await another.append(id('new'))).toBe('consumed');
  });

  it.each<[string, (path: string) => void]>([
    [
      'moved away',
      (path) => {
        renameSync(path, `${path}.moved`);
      },
    ],
    [
      'removed',
      (path) => {
        rmSync(path);
      },
    ],
    [
      'replaced',
      (path) => {
        rmSync(path);
        writeFileSync(path, '', { mode: 0o600 });
      },
    ],
    [
      'cut',
      (path) => {
        truncateSync(path);
      },
    ],
  ])('consumes nothing after the file was %s', async (spoiled, spoil) => {
    const path = temporaryPath();
    const journal = open(path);
    for (const name of ['a', 'b']) await journal.append(id(name));
    spoil(path);
    expect(await journal.append(id('a'))).toBe(spoiled === 'cut' ? 'replayed' : 'lost');
    expect(await journal.append(id('c'))).toBe('lost');
  });
});
