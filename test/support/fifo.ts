import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './directory.js';

/** A named pipe that only its owner may open. */
export interface Fifo {
  /** A descriptor, to be closed by the test. */
  readonly writer: number;
  /** Reads all that there is. */
  readonly read: () => string;
  readonly closeReader: () => void;
}

/** Opens a new FIFO for writing; what is written is read by the test alone. */
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
      // Nothing at present.
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
