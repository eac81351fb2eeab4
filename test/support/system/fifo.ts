import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../directory.js';

/** A named pipe with mode 0600. */
export interface Fifo {
  /** A file descriptor, which the test must close. */
  readonly writer: number;
  /** Returns everything that was written so far. */
  readonly read: () => string;
  readonly closeReader: () => void;
}

/** Creates a FIFO and opens it for writing. */
export function openFifo(): Fifo {
  const path = join(temporaryDirectory(), 'fifo');
  execFileSync('mkfifo', ['-m', '600', path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, 'w');
  const buffer = Buffer.alloc(1024 * 1024);
  let text = '';
  const read = (): string => {
    try {
      for (let count = 1; count > 0; text += buffer.toString('utf8', 0, count)) {
        count = readSync(reader, buffer);
      }
    } catch {
      // There is nothing to read yet.
    }
    return text;
  };
  return {
    writer,
    read,
    closeReader: () => {
      closeSync(reader);
    },
  };
}
