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
      // The descriptor of this listing is closed.
      return false;
    }
  });
}

/** Makes closing fail after the descriptor is free, as on NFS beyond a quota. @returns the real closeSync */
function breakClosing(): typeof fs.closeSync {
  const real = fs.closeSync;
  const replace = (closeSync: typeof fs.closeSync): void => {
    fs.closeSync = closeSync;
    syncBuiltinESMExports();
  };
  replace((descriptor) => {
    real(descriptor);
    throw new Error('EDQUOT');
  });
  onTestFinished(() => {
    replace(real);
  });
  return real;
}

describe('AppendedFile', () => {
  it('keeps the file open between writes', () => {
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
      'was replaced',
      (path) => {
        writeFileSync(`${path}.new`, '');
        renameSync(`${path}.new`, path);
      },
    ],
  ])('creates the file again if it %s', (_, change) => {
    const { path, write } = open();
    write('before');
    change(path);
    write('after');
    expect(readFileSync(path, 'utf8')).toBe('after');
    expect(isOpen(`${path}.1`)).toBe(false);
  });

  it('closes the file, also after a write that follows close()', () => {
    const { path, file, write } = open();
    write('a');
    file.close();
    expect(isOpen(path)).toBe(false);
    write('b');
    expect([isOpen(path), readFileSync(path, 'utf8')]).toEqual([false, 'ab']);
  });

  it('never writes to a reused descriptor if closing fails', () => {
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
