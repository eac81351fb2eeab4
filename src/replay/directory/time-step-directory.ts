import { closeSync, constants, linkSync, openSync } from 'node:fs';
import { codeOf } from '../../errors.js';
import { identityOf, isAt, type FileIdentity } from '../../system/file-identity.js';
import { assertOwnDirectory, makeDirectory } from './own-directory.js';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * The directory of a time step, as this process has found it. Pruning moves it away and removes it, and another process may even create
 * one of the same name. So after each entry, a consume checks whether it is still in its place.
 *
 * The descriptor stays open: until it is closed, no other directory can have the same inode number. That makes the check reliable, for
 * one system call. Modification times are not: their resolution is a few milliseconds, or seconds.
 */
export class TimeStepDirectory {
  readonly #path: string;
  /** Whether it was missing. */
  readonly isNew: boolean;
  readonly #descriptor: number;
  readonly #identity: FileIdentity;
  /** The file that the next entries are hard links to. */
  #file: string | undefined;

  /** Creates the directory if it is missing. @throws if another user could change it */
  constructor(path: string) {
    this.#path = path;
    this.isNew = makeDirectory(path);
    if (!this.isNew) assertOwnDirectory(path);
    this.#descriptor = openSync(path, DIRECTORY);
    this.#identity = identityOf(this.#descriptor);
  }

  /**
   * Makes an entry. Of any number of concurrent callers, one gets `'entered'`. Returns `undefined` if this directory is gone.
   *
   * @throws if the result is unknown
   */
  enter(name: string): 'entered' | 'exists' | undefined {
    const path = `${this.#path}/${name}`;
    return this.#link(path) ?? this.#make(path);
  }

  /**
   * Creates a hard link, which is several times faster than a file, and needs no inode. Returns `undefined` if that fails: there is no file
   * yet or any more, it has the maximum number of links (65,000 on ext4), or the file system has no links. Any other fault also
   * prevents the file that is created next, and is reported then.
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
