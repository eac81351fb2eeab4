import { closeSync, constants, linkSync, openSync } from 'node:fs';
import { codeOf } from '../../errors.js';
import { identityOf, isAt, type FileIdentity } from '../../system/file-identity.js';
import { makeDirectory } from './pruned-steps.js';
import { assertOwnDirectory } from './own-directory.js';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * The directory of a time step in a record, as this process has found it. Whoever forgets the step moves it away, and removes
 * it; another process may even make one of the same name. So after each entry a claim asks whether it is still in its place.
 *
 * The descriptor stays open: until it is closed, no other directory can have this one's inode number. That makes the
 * answer certain, for the price of one system call. (Times of change would not: they come in ticks of a few ms, or seconds.)
 */
export class StepDirectory {
  readonly #path: string;
  /** Whether it was missing. */
  readonly isNew: boolean;
  readonly #descriptor: number;
  readonly #identity: FileIdentity;
  /** The file that the next entries are links to. */
  #file: string | undefined;

  /** Makes the directory where it is missing. @throws where it is not safe from other users */
  constructor(path: string) {
    this.#path = path;
    this.isNew = makeDirectory(path);
    if (!this.isNew) assertOwnDirectory(path);
    this.#descriptor = openSync(path, DIRECTORY);
    this.#identity = identityOf(this.#descriptor);
  }

  /**
   * Makes an entry, for one caller of however many.
   *
   * @returns what came of it; `undefined` where this directory is gone
   * @throws where it cannot be told
   */
  enter(name: string): 'entered' | 'exists' | undefined {
    const path = `${this.#path}/${name}`;
    return this.#link(path) ?? this.#make(path);
  }

  /**
   * Another name of a file is made in a fraction of the time of another file, and needs no inode.
   *
   * @returns `undefined` where that cannot be done: there is no file yet or no more, it has as many names as it can have
   *   (65,000 on ext4), or the file system knows no links. What is wrong beyond that is seen as soon as a file is made.
   */
  #link(path: string): 'entered' | 'exists' | undefined {
    if (this.#file === undefined) return undefined;
    try {
      linkSync(this.#file, path);
      return 'entered';
    } catch (error) {
      return codeOf(error) === 'EEXIST' ? 'exists' : undefined;
    }
  }

  #make(path: string): 'entered' | 'exists' | undefined {
    try {
      closeSync(openSync(path, NEW_FILE, 0o600));
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return 'exists';
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    this.#file = path;
    return 'entered';
  }

  isInPlace(): boolean {
    return isAt(this.#path, this.#identity);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
