import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SeenUsers } from '../../users/seen-users.js';
import { pageOf, type UserPage } from '../../users/user-page.js';
import { assertOwn, explainFault, makeDirectory, makeStateDirectory, writeFile } from '../state-directory.js';

/** How many users to keep in memory. */
const MAX_KNOWN = 100_000;

/** How many files one page reads: about a millisecond. */
const MAX_PAGE_FILES = 50;
const DIRECTORY = /^[0-9a-f]{2}$/;
const CURSOR = /^[0-9a-f]{64}$/;

/** The users who have logged in before, in a directory: a file with the JID for each, named by a hash, in 256 directories. */
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
      writeFile(file, `${user}@${host}\n`);
      return true;
    });
  }

  list(host: string, after: string | undefined): Promise<UserPage> {
    return new Promise((resolve) => {
      try {
        this.#open();
        resolve(this.#page(host, CURSOR.test(after ?? '') ? String(after) : ''));
      } catch (error) {
        throw explainFault(this.#root, error);
      }
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #page(host: string, after: string): UserPage {
    const directories = readdirSync(this.#root)
      .filter((name) => DIRECTORY.test(name) && name >= after.slice(0, 2))
      .sort();
    const [first, ...others] = directories;
    if (first === undefined) return { users: [], next: undefined };
    const names = readdirSync(join(this.#root, first))
      .filter((name) => CURSOR.test(name) && name > after)
      .sort();
    const page = names.slice(0, MAX_PAGE_FILES);
    const { users, next } = pageOf(
      page.map((name) => this.#read(name) ?? ''),
      host,
      undefined,
    );
    const count = Number(next ?? page.length);
    const [following] = others;
    // A cursor is before the first name of the next directory.
    const last = names.length > count ? page[count - 1] : following?.padEnd(64, '0');
    return { users, next: last };
  }

  /** Returns the JID of a file; `undefined` if it is not whole. */
  #read(name: string): string | undefined {
    const jid = readFileSync(join(this.#root, name.slice(0, 2), name), 'utf8').trimEnd();
    return nameOf(jid) === name ? jid : undefined;
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
    const name = nameOf(jid);
    return join(this.#root, name.slice(0, 2), name);
  }
}

function nameOf(jid: string): string {
  return createHash('sha256').update(jid).digest('hex');
}
