import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchFiles } from '../../src/daemon/watch-files.js';
import { temporaryFile } from '../support/directory.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['setInterval'] }));
afterEach(() => vi.useRealTimers());

function watch(path: string): { looked: () => number } {
  let changes = 0;
  watchFiles(
    () => [path],
    () => (changes += 1),
  );
  return {
    looked: () => {
      vi.advanceTimersByTime(1000);
      return changes;
    },
  };
}

it('tells of a change once, when the file rests', () => {
  const path = temporaryFile('a');
  const { looked } = watch(path);
  expect(looked()).toBe(0);
  for (let written = 0; written < 3; written += 1) {
    appendFileSync(path, 'b');
    expect(looked()).toBe(0);
  }
  expect(looked()).toBe(1);
  expect(looked()).toBe(1);
});

it('notices another file in its place, one that is gone, and one that is back', () => {
  const path = temporaryFile('a');
  const { looked } = watch(path);
  writeFileSync(`${path}.new`, 'a');
  renameSync(`${path}.new`, path);
  expect([looked(), looked()]).toEqual([0, 1]);
  rmSync(path);
  expect([looked(), looked()]).toEqual([1, 2]);
  writeFileSync(path, 'a');
  expect([looked(), looked()]).toEqual([2, 3]);
});
