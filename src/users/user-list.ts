import { statSync } from 'node:fs';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { explainReadError, readTextFile } from '../system/read-file.js';
import { preparePlainDomain, preparePlainUser } from '../credential/jid/prepare.js';
import { messageOf, XtokendError } from '../errors.js';
import { batchesOf } from './list-batches.js';
import { assertOneName } from './one-name.js';

/** A list of users that can't be read: `code` is `'unreadable-list'`. */
export class UserListError extends XtokendError {
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super('unreadable-list', `the list of users ${path}: ${reason}`, options);
  }
}

/** Enough for MAX_LIST_LINES JIDs of usual length. */
export const MAX_LIST_BYTES: number = 64 * 1024 * 1024;
/** A file can change twice within the resolution of its change time. */
const SETTLED_MILLISECONDS = 100;
/** A user or a domain of at most this many characters is short enough (RFC 6122, section 2.1). */
const MAX_SIMPLE = 1023;
/** A `#` inside a name belongs to the name. */
const COMMENT = /(?:^|\s)#.*/;

/** Options of {@link UserList.open}. */
export interface UserListOptions {
  /**
   * Whether it lists blocked users. A program that rewrites it empties it first: until it has content again, the previous content
   * applies, since an empty list would unblock all of them.
   */
  readonly listsBlockedUsers?: boolean;
  /** Called once if the file can't be read any more. */
  readonly onWarning: (message: string) => void;
}

/**
 * Users in a file: a name or a bare JID on each line; `#` begins a comment. It is read again as soon as it has changed. If it can't be
 * read any more, the previous content applies.
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

  /** @throws {@link UserListError} if it can't be read now */
  static async open(path: string, options: UserListOptions): Promise<UserList> {
    const list = new UserList(path, options);
    await list.#read();
    return list;
  }

  /** @param user and host in normalized form, as servers send them */
  async has(user: string, host: string): Promise<boolean> {
    // The current reading may have begun before the last change.
    if (this.#reading !== undefined) await this.#reading.catch(() => undefined);
    const version = versionOf(this.#path);
    if (version === undefined || version !== this.#version) await this.#readAgain();
    // Empty lines are among the names, but no user has an empty name.
    return this.#names.has(user) || this.#names.has(`${user}@${host}`);
  }

  async #readAgain(): Promise<void> {
    try {
      // Concurrent requests wait for the same reading.
      this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
      await this.#reading;
      this.#fault = undefined;
    } catch (error) {
      const fault = `${messageOf(error)}; keeping the previous content`;
      if (fault !== this.#fault) this.#options.onWarning(fault);
      this.#fault = fault;
    }
  }

  async #read(): Promise<void> {
    const version = versionOf(this.#path);
    const text = readText(this.#path);
    // Also if the content is invalid, so that it is not read again for each request.
    this.#version = version;
    const isEmptied = text === '' && this.#names.size > 0;
    if (isEmptied && this.#options.listsBlockedUsers === true) throw new UserListError(this.#path, EMPTIED);
    this.#names = await parse(this.#path, text);
  }
}

const EMPTIED = 'it is empty, as if it were being rewritten; to block nobody, write a comment into it';

/** Returns a text that differs after each change, or `undefined` if changes can't be detected. */
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
    for (const { lines, isSimple } of batchesOf(text)) {
      for (const content of lines) {
        line += 1;
        names.add(isSimple && content.length <= MAX_SIMPLE ? content : await nameOf(content, line));
      }
      // Other requests are answered in between.
      await nextIteration();
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

/** Nearly all names are ASCII. An empty line stays empty. */
function preparePlain(name: string): string | undefined {
  if (name === '') return name;
  const at = name.indexOf('@');
  if (at < 0) return preparePlainUser(name);
  const user = preparePlainUser(name.slice(0, at));
  const domain = preparePlainDomain(name.slice(at + 1));
  return user === undefined || domain === undefined ? undefined : `${user}@${domain}`;
}

/** Loads the tables of string preparation only if they are needed. */
async function prepare(name: string): Promise<string> {
  const { normalizeJid, normalizeUser } = await import('../credential/jid/jid.js');
  return name.includes('@') ? normalizeJid(name) : normalizeUser(name);
}
