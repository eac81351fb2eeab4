import { realpathSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../../errors.js';
import type { Account } from './accounts.js';

/** What somebody wants to do with a file; the bits of its mode that allow it. */
const permissions = { read: 4, write: 2, execute: 1 } as const;

/** What stands in somebody's way. */
export type Obstacle =
  | { readonly kind: 'directory' | 'file'; readonly path: string; readonly stats: Stats }
  /** Nothing is there, or the present user cannot look. */
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'unknown'; readonly path: string };

/**
 * Says what keeps a user from a file: a directory on the way that may not be searched, or the file itself. By modes alone:
 * access control lists are not looked at.
 *
 * @returns `undefined` where nothing does
 */
export function obstacleTo(
  path: string,
  account: Account,
  permission: keyof typeof permissions,
): Obstacle | undefined {
  try {
    for (const directory of foldersOnTheWay(path)) {
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

/** Those that the path names, and those that its symbolic links lead through, from the root on. */
function foldersOnTheWay(path: string): string[] {
  return [...new Set([...foldersOf(path), ...foldersOf(realpathSync(path))])];
}

function foldersOf(path: string): string[] {
  const directory = dirname(path);
  return directory === path ? [] : [...foldersOf(directory), directory];
}

/** The first of owner, group and others that fits decides alone. */
function isAllowed({ uid, gid, mode }: Stats, account: Account, bit: number): boolean {
  if (account.uid === 0) return true;
  if (account.uid === uid) return (mode & (bit << 6)) !== 0;
  return (mode & (account.gids.includes(gid) ? bit << 3 : bit)) !== 0;
}
