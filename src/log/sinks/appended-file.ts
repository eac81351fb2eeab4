import { closeSync, fstatSync, writeSync } from 'node:fs';
import { codeOf } from '../../errors.js';
import { identityOf, isAt, type FileIdentity } from '../../system/file-identity.js';
import { openLogFile } from './open-log-file.js';
import { writeWholeLines } from './whole-lines.js';

interface Opened {
  readonly descriptor: number;
  readonly identity: FileIdentity;
  /** Whether a write is whole, whatever its size: other processes write to a FIFO in between. */
  readonly isRegular: boolean;
}

/**
 * A file that is appended to: what is written is not lost when the process is killed after it. It never waits for the reader of
 * a FIFO. A file that was moved away, by logrotate, is made anew by the next write.
 */
export class AppendedFile {
  readonly #path: string;
  readonly #open: (path: string) => number;
  #opened: Opened | undefined;
  #isClosed = false;

  /** @param open returns a descriptor, by default only of a file that no other user has put there */
  constructor(path: string, open: (path: string) => number = openLogFile) {
    this.#path = path;
    this.#open = open;
  }

  /**
   * @returns how many bytes were written: not all where a FIFO is full, or a disk
   * @throws where it cannot be written
   */
  write(data: Buffer): number {
    try {
      const { descriptor, isRegular } = this.#current();
      const write = (bytes: Buffer): number => writeUnlessBlocked(descriptor, bytes);
      return isRegular ? write(data) : writeWholeLines(data, write);
    } catch (error) {
      this.#letGo();
      throw error;
    } finally {
      if (this.#isClosed) this.#letGo();
    }
  }

  /** What is left and could not be written before can still be written. */
  close(): void {
    this.#isClosed = true;
    this.#letGo();
  }

  #current(): Opened {
    if (this.#opened !== undefined && !isAt(this.#path, this.#opened.identity)) this.#letGo();
    this.#opened ??= identify(this.#open(this.#path));
    return this.#opened;
  }

  #letGo(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    try {
      closeSync(opened.descriptor);
    } catch {
      // Closed all the same. A file system on a network says here that what was written before is lost; nobody can save it.
    }
  }
}

/** @returns how many bytes were written: none if they would have to wait */
export function writeUnlessBlocked(descriptor: number, data: Buffer): number {
  try {
    return writeSync(descriptor, data);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return 0;
    throw error;
  }
}

function identify(descriptor: number): Opened {
  try {
    const isRegular = fstatSync(descriptor).isFile();
    return { descriptor, identity: identityOf(descriptor), isRegular };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}
