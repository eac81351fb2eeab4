import fs, {
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AppendedFile } from '../../src/log/sinks/appended-file.js';
import { temporaryDirectory } from '../support/directory.js';

function open(): { path: string; file: AppendedFile; write: (text: string) => unknown } {
  const path = join(temporaryDirectory(), 'log');
  const file = new AppendedFile(path);
  onTestFinished(() => {
    file.close();
  });
  return { path, file, write: (text) => file.write(Buffer.from(text)) };
}

function isOpen(path: string): boolean {
  return readdirSync('/proc/self/fd').some((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === path;
    } catch {
      // That of this very listing.
      return false;
    }
  });
}

/** As on NFS where a quota is used up: the file is closed, and its number free, all the same. @returns the whole closeSync */
function breakClosing(): typeof fs.closeSync {
  const whole = fs.closeSync;
  const replace = (closeSync: typeof fs.closeSync): void => {
    fs.closeSync = closeSync;
    syncBuiltinESMExports();
  };
  replace((descriptor) => {
    whole(descriptor);
    throw new Error('EDQUOT');
  });
  onTestFinished(() => {
    replace(whole);
  });
  return whole;
}

describe('AppendedFile', () => {
  it('stays open from one write to the next', () => {
    const { path, write } = open();
    write('a');
    expect(isOpen(path)).toBe(true);
    write('b');
    expect(readFileSync(path, 'utf8')).toBe('ab');
  });

  it.each<[string, (path: string) => void]>([
    [
      'was moved away',
      (path) => {
        renameSync(path, `${path}.1`);
      },
    ],
    [
      'was removed',
      (path) => {
        rmSync(path);
      },
    ],
    [
      'has another in its place',
      (path) => {
        writeFileSync(`${path}.new`, '');
        renameSync(`${path}.new`, path);
      },
    ],
  ])('is made anew where it %s', (_, change) => {
    const { path, write } = open();
    write('before');
    change(path);
    write('after');
    expect(readFileSync(path, 'utf8')).toBe('after');
    expect(isOpen(`${path}.1`)).toBe(false);
  });

  it('is let go of at its close, and after what is still written then', () => {
    const { path, file, write } = open();
    write('a');
    file.close();
    expect(isOpen(path)).toBe(false);
    write('b');
    expect([isOpen(path), readFileSync(path, 'utf8')]).toEqual([false, 'ab']);
  });

  it('is never written to by a number that is somebody else’s, where its closing fails', () => {
    const { path, file, write } = open();
    write('before');
    const closeSync = breakClosing();
    file.close();
    const other = openSync(`${path}.other`, 'w');
    write('after');
    closeSync(other);
    expect([`${path}.other`, path].map((name) => readFileSync(name, 'utf8'))).toEqual(['', 'beforeafter']);
  });
});
