import { createHash } from 'node:crypto';
import { closeSync, constants, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../errors.js';
import { directoryFault } from '../replay/errors.js';
import type { SeenUsers } from './seen-users.js';

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;
/** Of so many it is known without a look at the disk. */
const MAX_KNOWN = 100_000;

/**
 * Those who have logged in before, in a directory: an empty file for each, named by a hash, in 256 directories. For any number
 * of processes, over their restarts.
 */
export class DirectorySeenUsers implements SeenUsers {
  readonly #root: string;
  readonly #known = new Set<string>();

  /** @param root is made where it is missing */
  constructor(root: string) {
    this.#root = root;
  }

  has(user: string, host: string): Promise<boolean> {
    return this.#withFile(user, host, (file) => {
      // existsSync() says no as well where it cannot look.
      if (!existsSync(this.#root)) mkdirSync(this.#root, { recursive: true, mode: 0o700 });
      return existsSync(file);
    });
  }

  async add(user: string, host: string): Promise<void> {
    await this.#withFile(user, host, (file) => {
      create(file);
      return true;
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** @param look says whether the user is there, and then need not be asked again */
  #withFile(user: string, host: string, look: (file: string) => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const file = this.#fileOf(`${user}@${host}`);
      try {
        const isThere = this.#known.has(file) || look(file);
        if (this.#known.size >= MAX_KNOWN) this.#known.clear();
        if (isThere) this.#known.add(file);
        resolve(isThere);
      } catch (error) {
        throw directoryFault(this.#root, error);
      }
    });
  }

  #fileOf(jid: string): string {
    const name = createHash('sha256').update(jid).digest('hex');
    return join(this.#root, name.slice(0, 2), name);
  }
}

function create(file: string): void {
  try {
    closeSync(openSync(file, NEW_FILE, 0o600));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, NEW_FILE, 0o600));
  }
}
