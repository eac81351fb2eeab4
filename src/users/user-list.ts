import { statSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { explainReadError, readTextFile } from '../config/read-file.js';
import { preparePlainDomain, preparePlainUser } from '../credential/jid/prepare.js';
import { messageOf, XtokendError } from '../errors.js';
import { blocksOf } from './list-blocks.js';
import { assertOneName } from './one-name.js';

/** A list of users that cannot be read: `code` is `'unreadable-list'`. */
export class UserListError extends XtokendError {
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super('unreadable-list', `the list of users ${path}: ${reason}`, options);
  }
}

/** Enough for MAX_LIST_LINES JIDs of usual length. */
export const MAX_LIST_BYTES: number = 64 * 1024 * 1024;
/** A file can change twice within one tick of the clock that its time of change is taken from. */
const SETTLED_MILLISECONDS = 100;
/** A user or a domain of at most so many characters is short enough (RFC 6122, section 2.1). */
const MAX_SIMPLE = 1023;
/** A `#` inside a name belongs to it. */
const COMMENT = /(?:^|\s)#.*/;

/** What {@link UserList.open} works with. */
export interface UserListOptions {
  /**
   * Whether it lists those who are kept out. Who writes it anew empties it first: until something is in it again, what it
   * said before counts, since an empty one would let all of them in.
   */
  readonly isBlockList?: boolean;
  /** Is told, once, that the file cannot be read any more. */
  readonly onWarning: (message: string) => void;
}

/**
 * Users in a file: a name, or a bare JID, a line; `#` begins a comment. It is read again as soon as it has changed. Where it
 * cannot be read any more, what it said last counts.
 */
export class UserList {
  readonly #path: string;
  readonly #options: UserListOptions;
  #names: ReadonlySet<string> = new Set();
  #version: string | undefined;
  #reading: Promise<void> | undefined;
  #fault: string | undefined;

  private constructor(path: string, options: UserListOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** @throws {@link UserListError} where it cannot be read now */
  static async open(path: string, options: UserListOptions): Promise<UserList> {
    const list = new UserList(path, options);
    await list.#read();
    return list;
  }

  /** @param user and host as servers send them, already normalised */
  async has(user: string, host: string): Promise<boolean> {
    // It may have begun before the last change.
    if (this.#reading !== undefined) await this.#reading.catch(() => undefined);
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
      if (fault !== this.#fault) this.#options.onWarning(fault);
      this.#fault = fault;
    }
  }

  async #read(): Promise<void> {
    const version = versionOf(this.#path);
    const text = readText(this.#path);
    // Also where these are broken: then they are not read again for each request.
    this.#version = version;
    const isEmptied = text === '' && this.#names.size > 0;
    if (isEmptied && this.#options.isBlockList === true) throw new UserListError(this.#path, EMPTIED);
    this.#names = await parse(this.#path, text);
  }
}

const EMPTIED = 'it is empty, as one that is just being written; if nobody is to be blocked, write a comment';

/** @returns what is another text after each change, or `undefined` where that cannot be told */
function versionOf(path: string): string | undefined {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path);
    if (Math.abs(Date.now() - ctimeMs) < SETTLED_MILLISECONDS) return undefined;
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  } catch {
    return undefined;
  }
}

async function parse(path: string, text: string): Promise<Set<string>> {
  const names = new Set<string>();
  let line = 0;
  try {
    for (const { lines, isSimple } of blocksOf(text)) {
      for (const content of lines) {
        line += 1;
        names.add(isSimple && content.length <= MAX_SIMPLE ? content : await nameOf(content, line));
      }
      // Others get their turn.
      await nextTurn();
    }
  } catch (error) {
    throw new UserListError(path, messageOf(error), { cause: error });
  }
  return names;
}

async function nameOf(content: string, line: number): Promise<string> {
  const name = content.replace(COMMENT, '').trim();
  try {
    assertOneName(name);
    return preparePlain(name) ?? (await prepare(name));
  } catch (error) {
    throw new Error(`line ${line}: ${messageOf(error)}`, { cause: error });
  }
}

function readText(path: string): string {
  try {
    return readTextFile(path, MAX_LIST_BYTES);
  } catch (error) {
    throw new UserListError(path, explainReadError(error), { cause: error });
  }
}

/** Nearly all names are of ASCII; an empty line stays one. */
function preparePlain(name: string): string | undefined {
  if (name === '') return name;
  const at = name.indexOf('@');
  if (at < 0) return preparePlainUser(name);
  const user = preparePlainUser(name.slice(0, at));
  const domain = preparePlainDomain(name.slice(at + 1));
  return user === undefined || domain === undefined ? undefined : `${user}@${domain}`;
}

/** The tables of string preparation are loaded only where they are needed. */
async function prepare(name: string): Promise<string> {
  const { normalizeJid, normalizeUser } = await import('../credential/jid/jid.js');
  return name.includes('@') ? normalizeJid(name) : normalizeUser(name);
}
