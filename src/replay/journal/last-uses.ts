import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../../errors.js';
import { isUseId, parseUseTime, type LastUses } from '../../passwords/app-passwords/last-uses.js';
import { assertOwn, explainFault, makeDirectory, makeStateDirectory, writeFile } from '../state-directory.js';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
/** Each content is as long as the one before, so that no write can leave a part of that. */
const DIGITS = 16;
/** The number and a line feed. */
const MAX_BYTES = DIGITS + 1;

/**
 * The last uses in a directory: a file with the time for each app password. Of several processes that write at the same time, any may
 * be the last.
 */
export class FileLastUses implements LastUses {
  readonly #root: string;

  /** @param root created by the first use */
  constructor(root: string) {
    this.#root = root;
  }

  record(id: string, at: number): Promise<void> {
    return this.#attempt(() => {
      makeStateDirectory(dirname(this.#root));
      makeDirectory(this.#root);
      assertOwn(this.#root, 'a directory');
      writeFile(join(this.#root, id), `${String(at).padStart(DIGITS, '0')}\n`);
    });
  }

  /** Root reads what another user has written: it follows no links, and ignores what is no time. */
  read(): Promise<ReadonlyMap<string, number>> {
    return this.#attempt(() => {
      const uses = new Map<string, number>();
      for (const id of this.#names().filter(isUseId)) {
        const time = parseUseTime(readShortFile(join(this.#root, id)));
        if (time !== undefined) uses.set(id, time);
      }
      return uses;
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #names(): string[] {
    try {
      return readdirSync(this.#root);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  #attempt<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      try {
        resolve(work());
      } catch (error) {
        throw explainFault(this.#root, error);
      }
    });
  }
}

/** Returns an empty text for anything but a short regular file. */
function readShortFile(path: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, READ);
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENXIO'].includes(String(codeOf(error)))) return '';
    throw error;
  }
  try {
    const stats = fstatSync(descriptor);
    return stats.isFile() && stats.size <= MAX_BYTES ? readFileSync(descriptor, 'latin1') : '';
  } finally {
    closeSync(descriptor);
  }
}
