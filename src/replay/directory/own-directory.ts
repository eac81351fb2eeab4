import { lstatSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { findExposure } from '../../system/trusted-path.js';
import { ReplayCacheError } from '../errors.js';
import { makeDirectory } from './pruned-steps.js';

const WRITABLE_BY_OTHERS = 0o022;

/** @throws {@link ReplayCacheError} where a path is anything but a directory of this user's that nobody else can change */
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
      `${path}: other users can write there, and so make used tokens good again; run: chmod go-w '${path}'`,
    );
  }
}

/**
 * Makes a directory to keep state in, with those that hold it, if they're missing.
 *
 * @throws {@link ReplayCacheError} if anybody but this user and root can change it or a directory that leads there: they could remove
 *   what it holds, or move it away
 */
export function makeStateDirectory(path: string): void {
  // Before anything is made, too: on the way there could be a link of somebody else's.
  assertTrusted(path);
  makeDirectories(path);
  assertTrusted(path);
}

/** @throws {@link ReplayCacheError} if anybody but this user and root can change a directory, or what leads there */
export function assertTrusted(path: string, users?: ReadonlySet<number>): void {
  const exposure = findExposure(path, users);
  if (exposure === undefined) return;
  const { message, fix } = exposure;
  throw new ReplayCacheError(
    `${path}: ${message}, and so can remove or replace what is kept there; fix: ${fix}`,
  );
}

/** Not Node's own `recursive`: on /proc, and wherever else a new directory is not found, that goes on for ever. */
function makeDirectories(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  makeDirectories(dirname(path));
  makeDirectory(path);
}

/** @returns whether there is anything of this name, be it a link to nowhere */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  return stats.isFile() ? 'a file' : 'something else';
}
