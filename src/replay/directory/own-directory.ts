import { lstatSync, mkdirSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../../errors.js';
import { findExposure } from '../../system/trusted-path.js';
import { ReplayCacheError } from '../errors.js';

const WRITABLE_BY_OTHERS = 0o022;

/** @throws {@link ReplayCacheError} if a path is not a directory that belongs to this user and that nobody else can change */
export function assertOwnDirectory(path: string): void {
  const stats = lstatSync(path);
  if (!stats.isDirectory()) {
    throw new ReplayCacheError(`${path}: expected a directory, found ${kindOf(stats)}: remove it`);
  }
  const uid = process.getuid?.();
  if (stats.uid !== uid) {
    throw new ReplayCacheError(
      `${path}: expected a directory of uid ${String(uid)}, found one of uid ${stats.uid}: run xtokend as that user, or remove it`,
    );
  }
  if ((stats.mode & WRITABLE_BY_OTHERS) !== 0) {
    throw new ReplayCacheError(
      `${path}: other users can write there, and so make used tokens valid again; run: chmod go-w '${path}'`,
    );
  }
}

/**
 * Creates a directory to keep state in, with its parents.
 *
 * @throws {@link ReplayCacheError} if anybody but this user and root can change it or a directory that leads to it: they could remove
 *   its data, or move it away
 */
export function makeStateDirectory(path: string): void {
  // Before anything is created, too: the path could lead through another user's link.
  assertTrusted(path);
  makeDirectories(path);
  assertTrusted(path);
}

function assertTrusted(path: string): void {
  const exposure = findExposure(path);
  if (exposure === undefined) return;
  const { message, fix } = exposure;
  throw new ReplayCacheError(`${path}: ${message}, and so can remove or replace its data; fix: ${fix}`);
}

/** Without Node's `recursive`: on /proc, and wherever else a new directory can't be found, that never ends. */
function makeDirectories(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  makeDirectories(dirname(path));
  makeDirectory(path);
}

/** Creates a directory. Returns `false` if something with that name exists already. */
export function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Returns whether something with this name exists, including a dangling link. */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  return stats.isFile() ? 'a file' : 'something else';
}
