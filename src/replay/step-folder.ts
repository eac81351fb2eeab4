import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { makeDirectory } from './forgotten-steps.js';
import { assertOwnDirectory } from './own-directory.js';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * The directory of a time step in a record, as this process has found it. Whoever forgets the step moves it away, and removes
 * it; another process may even make one of the same name. So after each entry a claim asks whether it is still in its place.
 *
 * The descriptor stays open: until it is closed, no other directory can have this one's inode number. That makes the
 * answer certain, for the price of one system call. (Times of change would not: they come in ticks of a few ms, or seconds.)
 */
export class StepFolder {
  readonly path: string;
  /** Whether it was missing. */
  readonly isNew: boolean;
  readonly #descriptor: number;
  readonly #device: bigint;
  readonly #inode: bigint;

  /** Makes the directory where it is missing. @throws where it is not safe from other users */
  constructor(path: string) {
    this.path = path;
    this.isNew = makeDirectory(path);
    if (!this.isNew) assertOwnDirectory(path);
    this.#descriptor = openSync(path, DIRECTORY);
    // Beyond 2^53 a number would take one inode for another.
    const { dev, ino } = fstatSync(this.#descriptor, { bigint: true });
    this.#device = dev;
    this.#inode = ino;
  }

  isInPlace(): boolean {
    const found = statSync(this.path, { bigint: true, throwIfNoEntry: false });
    return found?.ino === this.#inode && found.dev === this.#device;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
