import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SeenUsers } from '../../users/seen-users.js';
import {
  assertOwn,
  createFile,
  explainFault,
  makeDirectory,
  makeStateDirectory,
} from '../state-directory.js';

/** How many users to keep in memory. */
const MAX_KNOWN = 100_000;

/** The users who have logged in before, in a directory: an empty file for each, named by a hash, in 256 directories. */
export class FileSeenUsers implements SeenUsers {
  readonly #root: string;
  readonly #known = new Set<string>();
  #isTrusted = false;

  /** @param root created if it is missing */
  constructor(root: string) {
    this.#root = root;
  }

  has(user: string, host: string): Promise<boolean> {
    return this.#withFile(user, host, (file) => {
      this.#open();
      return existsSync(file);
    });
  }

  async add(user: string, host: string): Promise<void> {
    await this.#withFile(user, host, (file) => {
      this.#open();
      makeDirectory(dirname(file));
      createFile(file);
      return true;
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Each time, as somebody may have removed it; existsSync() also returns false without permission to look. */
  #open(): void {
    if (this.#isTrusted && existsSync(this.#root)) return;
    makeStateDirectory(dirname(this.#root));
    makeDirectory(this.#root);
    assertOwn(this.#root, 'a directory');
    this.#isTrusted = true;
  }

  /** @param look returns whether the user is there; the result `true` is kept in memory */
  #withFile(user: string, host: string, look: (file: string) => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const file = this.#fileOf(`${user}@${host}`);
      try {
        const isThere = this.#known.has(file) || look(file);
        if (this.#known.size >= MAX_KNOWN) this.#known.clear();
        if (isThere) this.#known.add(file);
        resolve(isThere);
      } catch (error) {
        throw explainFault(this.#root, error);
      }
    });
  }

  #fileOf(jid: string): string {
    const name = createHash('sha256').update(jid).digest('hex');
    return join(this.#root, name.slice(0, 2), name);
  }
}
