import { realpathSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../../../errors.js';
import { attempt } from '../../../system/attempt.js';
import { describeOwner } from '../../../system/accounts.js';
import { explainReadError } from '../../../system/read-file.js';
import type { Account } from './accounts.js';

export { attempt };

/** The permissions of a file, with the bits of its mode for other users. */
const permissions = { read: 4, write: 2, execute: 1 } as const;

/** What keeps a user from a file. */
export type Obstacle =
  | { readonly kind: 'directory' | 'file'; readonly path: string; readonly stats: Stats }
  /** It does not exist, or the present user cannot access it. */
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'unknown'; readonly path: string };

/**
 * Returns the result of reading a file or directory.
 *
 * @throws {Error} that names the path and the cause, if `read` throws
 */
export function readNamed<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`cannot read ${path}: ${explainReadError(error)}`, { cause: error });
  }
}

/** Returns the owner and mode of a file; `undefined` if it is missing or this user cannot access it. */
export function statOf(path: string): Stats | undefined {
  return attempt(() => statSync(path));
}

/**
 * Finds what keeps a user from a file: a directory above it that the user may not search, or the file itself. Considers
 * modes only, not access control lists.
 *
 * @returns `undefined` if nothing does
 */
export function obstacleTo(
  path: string,
  account: Account,
  permission: keyof typeof permissions,
): Obstacle | undefined {
  try {
    for (const directory of directoriesAbove(path)) {
      const stats = statSync(directory);
      if (!isAllowed(stats, account, permissions.execute))
        return { kind: 'directory', path: directory, stats };
    }
    const stats = statSync(path);
    return isAllowed(stats, account, permissions[permission]) ? undefined : { kind: 'file', path, stats };
  } catch (error) {
    return { kind: ['ENOENT', 'ENOTDIR'].includes(String(codeOf(error))) ? 'missing' : 'unknown', path };
  }
}

/** Describes what keeps a user from a file. @param verb what the user tries to do with it */
export function describeObstacle(obstacle: Obstacle, { name }: Account, verb: string): string {
  const { path } = obstacle;
  if (obstacle.kind === 'missing') return `there is no ${path}`;
  if (obstacle.kind === 'unknown') return `this user may not access ${path}`;
  const { stats } = obstacle;
  const found = `${describeOwner(stats)}, mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')}`;
  const action = obstacle.kind === 'directory' ? 'pass through' : verb;
  return `user ${name} may not ${action} ${path} (${found})`;
}

/** Returns the directories above a path and above the file that it resolves to, from the root down. */
function directoriesAbove(path: string): string[] {
  return [...new Set([...parentsOf(path), ...parentsOf(realpathSync(path))])];
}

function parentsOf(path: string): string[] {
  const directory = dirname(path);
  return directory === path ? [] : [...parentsOf(directory), directory];
}

/** The first of owner, group and others that applies decides alone. */
function isAllowed({ uid, gid, mode }: Stats, account: Account, bit: number): boolean {
  if (account.uid === 0) return true;
  if (account.uid === uid) return (mode & (bit << 6)) !== 0;
  return (mode & (account.gids.includes(gid) ? bit << 3 : bit)) !== 0;
}
