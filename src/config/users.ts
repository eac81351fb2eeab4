import { dirname, resolve } from 'node:path';
import type { Problems } from './errors.js';
import type { UsersTable } from './schema.js';

/** Who is a user of a host. */
export interface UserSettings {
  /**
   * `any`: every well-formed name; `seen`: those who have logged in before; `passwords`: those whom the password back ends
   * know; otherwise the file that lists them.
   */
  readonly users: 'any' | 'seen' | 'passwords' | { readonly path: string };
  /** Whether only listed users can log in. Otherwise the list only decides whether a user exists. */
  readonly restrictAuth: boolean;
  /** The file that lists blocked users, if there is one. */
  readonly blockedPath: string | undefined;
}

/**
 * Reads who is a user of a host.
 *
 * @param path the path of the table in the configuration
 * @param top the table whose settings apply if `table` lacks them
 * @param file the path of the configuration: other paths are relative to its directory
 * @param hasPasswords whether the host has password back ends
 */
export function readUsers(
  path: readonly string[],
  table: UsersTable,
  top: UsersTable,
  file: string,
  problems: Problems,
  hasPasswords: boolean,
): UserSettings {
  const { users = 'any', restrict_auth: restrictAuth = false, blocked_users: blocked } = { ...top, ...table };
  const refuse = (setting: keyof UsersTable, message: string): void => {
    problems.add(table[setting] === undefined ? [setting] : [...path, setting], message);
  };
  const listPath = pathOf(users, file);
  const blockedPath = blocked === undefined ? undefined : pathOf(blocked, file);
  if (!isKeyword(users) && listPath === undefined) {
    refuse('users', 'expected "any", "seen", "passwords" or "file:/path/of/a/list"');
  } else if (users === 'passwords' && !hasPasswords) {
    refuse('users', '"passwords" needs a table [passwords] with at least one back end');
  } else if (restrictAuth && listPath === undefined) {
    refuse('restrict_auth', `needs users = "file:/path/of/a/list", found "${users}"`);
  }
  if (blocked !== undefined && blockedPath === undefined) {
    refuse('blocked_users', 'expected "file:/path/of/a/list"');
  }
  return {
    users: listPath === undefined ? (users as Keyword) : { path: listPath },
    restrictAuth,
    blockedPath,
  };
}

const KEYWORDS = ['any', 'seen', 'passwords'] as const;
type Keyword = (typeof KEYWORDS)[number];

function isKeyword(text: string): text is Keyword {
  return KEYWORDS.some((keyword) => keyword === text);
}

function pathOf(text: string, file: string): string | undefined {
  const [, path] = /^file:(.+)$/.exec(text) ?? [];
  return path === undefined ? undefined : resolve(dirname(file), path);
}
