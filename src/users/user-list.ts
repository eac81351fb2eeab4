import { setImmediate as nextIteration } from 'node:timers/promises';
import { fileVersion } from '../system/file-identity.js';
import { explainReadError, readTextFile } from '../system/read-file.js';
import { preparePlainDomain, preparePlainUser } from '../credential/jid/prepare.js';
import { messageOf, XtokendError } from '../errors.js';
import { batchesOf } from './list-batches.js';
import { pageOf, type UserPage } from './user-page.js';

/** A list of users that can't be read: `code` is `'unreadable-list'`. */
export class UserListError extends XtokendError {
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super('unreadable-list', `the list of users ${path}: ${reason}`, options);
  }
}

/** Enough for MAX_LIST_LINES JIDs of usual length. */
export const MAX_LIST_BYTES: number = 64 * 1024 * 1024;
const SETTLED_MILLISECONDS = 100;
/** A user or a domain of at most this many characters is short enough (RFC 6122, section 2.1). */
const MAX_SIMPLE = 1023;
/** A `#` inside a name belongs to the name. */
const COMMENT = /(?:^|\s)#.*/;

/** Options of {@link UserList.open}. */
export interface UserListOptions {
  /**
   * Whether it lists blocked users. If the file is emptied, the previous content applies until there is new content: a program
   * that rewrites the file empties it first, and an empty list would unblock everybody.
   */
  readonly listsBlockedUsers?: boolean;
  /** Called once when the file becomes unreadable. */
  readonly onWarning: (message: string) => void;
}

/**
 * Users in a file: a name or a bare JID on each line; `#` begins a comment. It is read again after each change. If it
 * becomes unreadable, the previous content applies.
 */
export class UserList {
  readonly #path: string;
  readonly #options: UserListOptions;
  #names: ReadonlySet<string> = new Set();
  #version: string | undefined;
  #changes = 0;
  /** The names as an array, if they have been listed. */
  #listed: readonly string[] | undefined;
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
    await this.#refresh();
    // Empty lines are among the names, but no user has an empty name.
    return this.#names.has(user) || this.#names.has(`${user}@${host}`);
  }

  /** Returns a text that differs after each change. Reads the file first if it has changed. */
  async version(): Promise<string> {
    await this.#refresh();
    return String(this.#changes);
  }

  /** Lists a page of those of a host. */
  async list(host: string, after: string | undefined): Promise<UserPage> {
    await this.#refresh();
    this.#listed ??= [...this.#names];
    return pageOf(this.#listed, host, after);
  }

  async #refresh(): Promise<void> {
    // The current reading may have begun before the last change.
    if (this.#reading !== undefined) await this.#reading.catch(() => undefined);
    const version = fileVersion(this.#path, SETTLED_MILLISECONDS);
    if (version === undefined || version !== this.#version) await this.#readAgain();
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
    const version = fileVersion(this.#path, SETTLED_MILLISECONDS);
    const text = readText(this.#path);
    // Set even if the content is invalid, so that it is not read again for each request.
    this.#version = version;
    const isEmptied = text === '' && this.#names.size > 0;
    if (isEmptied && this.#options.listsBlockedUsers === true) throw new UserListError(this.#path, EMPTIED);
    this.#names = await parse(this.#path, text);
    this.#listed = undefined;
    this.#changes += 1;
  }
}

const EMPTIED = 'it is empty, as if it were being rewritten; to block nobody, write a comment into it';

async function parse(path: string, text: string): Promise<Set<string>> {
  const names = new Set<string>();
  let line = 0;
  try {
    for (const { lines, isSimple } of batchesOf(text)) {
      for (const content of lines) {
        line += 1;
        names.add(isSimple && content.length <= MAX_SIMPLE ? content : await nameOf(content, line));
      }
      // Let other requests be answered between batches.
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
  const at = name.indexOf('@');
  if (at < 0) return name && preparePlainUser(name);
  const user = preparePlainUser(name.slice(0, at));
  const domain = preparePlainDomain(name.slice(at + 1));
  return user && domain && `${user}@${domain}`;
}

/** Loads the tables of stringprep only if they are needed. */
async function prepare(name: string): Promise<string> {
  const { normalizeJid, normalizeUser } = await import('../credential/jid/jid.js');
  return name.includes('@') ? normalizeJid(name) : normalizeUser(name);
}

/** Characters that may separate names, and what they are called. */
const SEPARATORS: readonly (readonly [RegExp, string])[] = [
  [/,/, 'a comma'],
  [/;/, 'a semicolon'],
  [/\s/, 'white space'],
];

/**
 * Rejects a line that can only be several names, a pattern, or text in another encoding. As one name, it would silently allow, or
 * block, nobody.
 *
 * @param name a line without its comment
 * @throws {Error} whose message says what was expected
 */
function assertOneName(name: string): void {
  if (name.includes('\0')) throw new Error('found a NUL character; save the file as UTF-8, not UTF-16');
  if (/^\*(?:@|$)/.test(name)) throw new Error('expected a name, found "*"; lists have no wildcards');
  // A user can be called "a,b"; a JID is unambiguous.
  const [, domain] = /@(.*)$/s.exec(name) ?? [];
  const separator = SEPARATORS.find(([sign]) => sign.test(domain ?? name))?.[1];
  if (separator === undefined) return;
  const hint = domain === undefined ? `; if one name holds it, write it as a JID: ${name}@example.com` : '';
  const isPossible = !/\s/.test(name);
  throw new Error(`expected one name per line, found ${separator}${isPossible ? hint : ''}`);
}
