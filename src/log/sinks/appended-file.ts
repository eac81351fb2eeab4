import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import { identityOf, isAt, type FileIdentity } from '../../system/file-identity.js';
import { resolvePath, trustedUsers } from '../../system/trusted-path.js';
import { writeUnlessBlocked, writeWholeLines } from './partial-write.js';
import type { LogSink } from './sink.js';

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
const FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;

interface OpenFile {
  readonly descriptor: number;
  readonly identity: FileIdentity;
  /** Whether other processes can't write in between: they can in a FIFO. */
  readonly isRegular: boolean;
}

/**
 * Appends to a file, unbuffered, so that nothing is lost if the process is killed. Never waits for the reader of a FIFO. Opens the
 * path again if the file was moved away, for example by logrotate.
 */
export class AppendedFile implements LogSink {
  readonly name: string;
  readonly prefix = 'time';
  readonly #open: (path: string) => number;
  #file: OpenFile | undefined;
  #isClosed = false;

  /** @param open returns a descriptor; by default refuses a file that another user can replace */
  constructor(path: string, open: (path: string) => number = openLogFile) {
    this.name = path;
    this.#open = open;
  }

  /**
   * @returns how many bytes were written: not all if a FIFO or a disk is full
   * @throws if the file can't be opened or written
   */
  write(bytes: Buffer): number {
    try {
      const { descriptor, isRegular } = this.#current();
      return isRegular ? writeUnlessBlocked(descriptor, bytes) : writeWholeLines(descriptor, bytes);
    } catch (error) {
      this.#release();
      throw error;
    } finally {
      if (this.#isClosed) this.#release();
    }
  }

  /** A later retry can still write: it opens the file for that write only. */
  close(flush?: () => void): undefined {
    flush?.();
    this.#isClosed = true;
    this.#release();
  }

  #current(): OpenFile {
    if (this.#file !== undefined && !isAt(this.name, this.#file.identity)) this.#release();
    this.#file ??= identify(this.#open(this.name));
    return this.#file;
  }

  #release(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    try {
      closeSync(file.descriptor);
    } catch {
      // The descriptor is closed all the same. Network file systems report here that earlier writes are lost.
    }
  }
}

function identify(descriptor: number): OpenFile {
  try {
    const isRegular = fstatSync(descriptor).isFile();
    return { descriptor, identity: identityOf(descriptor), isRegular };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Opens any path for appending, without blocking. @returns a descriptor */
export function openForAppending(path: string, flags = 0): number {
  return openSync(path, FLAGS | flags, 0o640);
}

/**
 * Opens a log file; creates it if it's missing. Refuses a file that another user chose through a link, since a daemon that runs
 * as root would append to any file of the machine.
 *
 * Accepts a directory that a group can write to, as /var/log is on some systems (`root:syslog`, mode 0775). A file below it must
 * belong to this user or root, have a single name, and still be at its path.
 *
 * @returns its descriptor
 */
function openLogFile(path: string): number {
  const { path: real, stats, exposure, isShared } = resolvePath(path, { isGroupAccepted: true });
  if (exposure !== undefined) {
    throw new Error(
      `expected a path that only root and this user can change, but ${exposure.message}, and could redirect the log to any file; ` +
        `fix: ${exposure.fix}`,
    );
  }
  // A resolved path that is still a link, such as /dev/stderr, leads to the open descriptor of a process.
  const descriptor = openForAppending(real, stats?.isSymbolicLink() === true ? 0 : O_NOFOLLOW);
  try {
    // Prosody's stock module reads a line on its terminal as an answer.
    if (isatty(descriptor)) throw new Error('expected a file, found a terminal');
    if (isShared) assertOwnFile(real, descriptor);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Asks the kernel for the path of the open file, since the path itself can lead elsewhere at each look-up. */
function assertOwnFile(path: string, descriptor: number): void {
  const stats = fstatSync(descriptor);
  const isOwn = stats.isFile() && trustedUsers().has(stats.uid) && stats.nlink === 1;
  if (isOwn && readlinkSync(`/proc/self/fd/${descriptor}`) === path) return;
  throw new Error(
    `${path}: expected a file of this user or root with a single name, since others can create files in its directory; ` +
      'fix: move the file away, or choose another directory',
  );
}
