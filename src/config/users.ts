import { dirname, resolve } from 'node:path';
import type { Problem } from './errors.js';
import type { UsersTable } from './schema.js';
import { settingName } from './setting-name.js';

/** Who is a user of a host. */
export interface UserSettings {
  /** `any`: every well-formed name is; `seen`: who has logged in before; otherwise the file that lists them. */
  readonly users: 'any' | 'seen' | { readonly path: string };
  /** Whether only the listed can log in; otherwise the list is for questions of whether a user exists. */
  readonly restrictAuth: boolean;
  /** The file that lists those who are no users, whatever else is said. */
  readonly blockedPath: string | undefined;
}

/**
 * Reads who is a user of a host.
 *
 * @param path of the table in the configuration; where it says nothing, that at the top counts
 * @param file the configuration: other paths are relative to its directory
 * @returns the settings, or what is wrong with them
 */
export function readUsers(
  path: readonly string[],
  table: UsersTable,
  top: UsersTable,
  file: string,
): UserSettings | Problem {
  const { users = 'any', restrict_auth: restrictAuth = false, blocked_users: blocked } = { ...top, ...table };
  const where = (setting: keyof UsersTable): string =>
    settingName(table[setting] === undefined ? [setting] : [...path, setting]);
  const listPath = pathOf(users, file);
  if (users !== 'any' && users !== 'seen' && listPath === undefined) {
    return { where: where('users'), message: 'expected "any", "seen" or "file:/path/of/a/list"' };
  }
  if (restrictAuth && listPath === undefined) {
    return {
      where: where('restrict_auth'),
      message: `is for users = "file:…" only; with "${users}" it would let everybody in, or nobody`,
    };
  }
  const blockedPath = blocked === undefined ? undefined : pathOf(blocked, file);
  if (blocked !== undefined && blockedPath === undefined) {
    return { where: where('blocked_users'), message: 'expected "file:/path/of/a/list"' };
  }
  return {
    users: listPath === undefined ? (users as 'any' | 'seen') : { path: listPath },
    restrictAuth,
    blockedPath,
  };
}

function pathOf(text: string, file: string): string | undefined {
  const [, path] = /^file:(.+)$/.exec(text) ?? [];
  return path === undefined ? undefined : resolve(dirname(file), path);
}
