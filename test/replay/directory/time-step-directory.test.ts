import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TimeStepDirectory } from '../../../src/replay/directory/time-step-directory.js';
import { temporaryDirectory } from '../../support/directory.js';

function open(path: string): TimeStepDirectory {
  const directory = new TimeStepDirectory(path);
  onTestFinished(() => {
    directory.close();
  });
  return directory;
}

describe('TimeStepDirectory', () => {
  it('uses one inode for all entries of a process', () => {
    const path = join(temporaryDirectory(), '100');
    const [first, second] = [open(path), open(path)];
    expect(['a', 'b', 'c'].map((name) => first.enter(name))).toEqual(['entered', 'entered', 'entered']);
    expect(['c', 'd', 'e'].map((name) => second.enter(name))).toEqual(['exists', 'entered', 'entered']);
    const inodes = readdirSync(path).map((name) => statSync(join(path, name)).ino);
    expect([inodes.length, new Set(inodes).size]).toEqual([5, 2]);
  });

  it('works if the file that entries link to is gone, or can have no links', () => {
    const path = join(temporaryDirectory(), '100');
    const directory = open(path);
    directory.enter('a');
    rmSync(join(path, 'a'));
    expect(['b', 'b'].map((name) => directory.enter(name))).toEqual(['entered', 'exists']);
    rmSync(join(path, 'b'));
    mkdirSync(join(path, 'b'));
    expect(['c', 'c', 'd', 'b'].map((name) => directory.enter(name))).toEqual([
      'entered',
      'exists',
      'entered',
      'exists',
    ]);
  });

  it('accepts more entries than a file can have links, 65,000 on ext4', () => {
    const directory = open(join(temporaryDirectory(), '100'));
    const outcomes = new Set<unknown>();
    for (let name = 0; name < 65_002; name += 1) outcomes.add(directory.enter(String(name)));
    expect([...outcomes]).toEqual(['entered']);
    expect(directory.enter('65001')).toBe('exists');
  });

  it('enters nothing after it was moved away, and is not in its place after another was created there', () => {
    const path = join(temporaryDirectory(), '100');
    const directory = open(path);
    directory.enter('a');
    renameSync(path, `${path}.moved`);
    expect(directory.enter('b')).toBeUndefined();
    expect(directory.isInPlace()).toBe(false);
    mkdirSync(path);
    expect([directory.enter('a'), directory.isInPlace()]).toEqual(['entered', false]);
  });
});
