import { statSync } from 'node:fs';
import { explainReadError, readTextFile } from '../config/read-file.js';
import { messageOf, XtokendError } from '../errors.js';

/** A list of users that cannot be read: `code` is `'unreadable-list'`. */
export class UserListError extends XtokendError {
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super('unreadable-list', `the list of users ${path}: ${reason}`, options);
  }
}

/** Some millions of names. */
export const MAX_LIST_BYTES: number = 64 * 1024 * 1024;
/** A file can change twice within one tick of the clock that its time of change is taken from. */
const SETTLED_MILLISECONDS = 100;
/** What needs no string preparation but small letters (RFC 6122, appendix A.5, for ASCII). */
const PLAIN = /^(?:[^\s"&'/:<>@\x7f-\uffff]+(?:@[a-zA-Z0-9.-]+)?)?$/;

/**
 * Users in a file: a name, or a bare JID, a line; `#` begins a comment. It is read again as soon as it has changed. Where it
 * cannot be read any more, what it said last counts.
 */
export class UserList {
  readonly #path: string;
  readonly #onTrouble: (message: string) => void;
  #names: ReadonlySet<string> = new Set();
  #version: string | undefined;
  #reading: Promise<void> | undefined;
  #fault: string | undefined;

  private constructor(path: string, onTrouble: (message: string) => void) {
    this.#path = path;
    this.#onTrouble = onTrouble;
  }

  /**
   * @param onTrouble is told, once, that the file cannot be read any more
   * @throws {@link UserListError} where it cannot be read now
   */
  static async open(path: string, onTrouble: (message: string) => void): Promise<UserList> {
    const list = new UserList(path, onTrouble);
    await list.#read();
    return list;
  }

  /** @param user and host as servers send them, already normalised */
  async has(user: string, host: string): Promise<boolean> {
    const version = versionOf(this.#path);
    if (version === undefined || version !== this.#version) await this.#readAgain();
    // Empty lines are among the names, but no user has an empty name.
    return this.#names.has(user) || this.#names.has(`${user}@${host}`);
  }

  async #readAgain(): Promise<void> {
    try {
      // Those who ask meanwhile wait for the same reading.
      this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
      await this.#reading;
      this.#fault = undefined;
    } catch (error) {
      const fault = `${messageOf(error)}; what it said before counts on`;
      if (fault !== this.#fault) this.#onTrouble(fault);
      this.#fault = fault;
    }
  }

  async #read(): Promise<void> {
    const version = versionOf(this.#path);
    const names = await parse(this.#path);
    this.#names = names;
    this.#version = version;
  }
}

/** @returns what is another text after each change, or `undefined` where that cannot be told */
function versionOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || Math.abs(Date.now() - stats.ctimeMs) < SETTLED_MILLISECONDS) return undefined;
  return `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
}

async function parse(path: string): Promise<Set<string>> {
  const lines = readLines(path).map((line) => line.replace(/#.*/, '').trim());
  const normalize = lines.every((line) => PLAIN.test(line)) ? lowerCase : await nodeprep();
  const names = lines.map((line, index) => {
    try {
      return line === '' ? line : normalize(line);
    } catch (error) {
      throw new UserListError(path, `line ${index + 1}: ${messageOf(error)}`, { cause: error });
    }
  });
  return new Set(names);
}

function readLines(path: string): string[] {
  try {
    return readTextFile(path, MAX_LIST_BYTES).split('\n');
  } catch (error) {
    throw new UserListError(path, explainReadError(error), { cause: error });
  }
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}

/** The tables of string preparation are loaded only where they are needed. */
async function nodeprep(): Promise<(text: string) => string> {
  const { normalizeJid, normalizeUser } = await import('../credential/jid.js');
  return (text) => (text.includes('@') ? normalizeJid(text) : normalizeUser(text));
}
