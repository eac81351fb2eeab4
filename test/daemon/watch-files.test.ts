import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchFiles } from '../../src/daemon/watch-files.js';
import { temporaryFile } from '../support/directory.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['setInterval'] }));
afterEach(() => vi.useRealTimers());

function watch(path: string): { polled: () => number } {
  let changes = 0;
  watchFiles(
    () => [path],
    () => (changes += 1),
  );
  return {
    polled: () => {
      vi.advanceTimersByTime(1000);
      return changes;
    },
  };
}

it('reports a change once, when the file is no longer being written', () => {
  const path = temporaryFile('a');
  const { polled } = watch(path);
  expect(polled()).toBe(0);
  for (let written = 0; written < 3; written += 1) {
    appendFileSync(path, 'b');
    expect(polled()).toBe(0);
  }
  expect(polled()).toBe(1);
  expect(polled()).toBe(1);
});

it('reports a file that is replaced, removed or created', () => {
  const path = temporaryFile('a');
  const { polled } = watch(path);
  writeFileSync(`${path}.new`, 'a');
  renameSync(`${path}.new`, path);
  expect([polled(), polled()]).toEqual([0, 1]);
  rmSync(path);
  expect([polled(), polled()]).toEqual([1, 2]);
  writeFileSync(path, 'a');
  expect([polled(), polled()]).toEqual([2, 3]);
});
