import { lstatSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { RecordError } from './errors.js';
import { makeDirectory } from './forgotten-steps.js';

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** @throws {@link RecordError} where a path is anything but a directory of this user's that nobody else can change */
export function assertOwnDirectory(path: string): void {
  const stats = lstatSync(path);
  if (!stats.isDirectory()) {
    throw new RecordError(`${path}: expected a directory, found ${kindOf(stats)}: remove it`);
  }
  const uid = process.getuid?.();
  if (stats.uid !== uid) {
    throw new RecordError(
      `${path}: expected a directory of uid ${String(uid)}, found one of uid ${stats.uid}: run xtokend as that user, or remove it`,
    );
  }
  if ((stats.mode & WRITABLE_BY_OTHERS) !== 0) {
    throw new RecordError(
      `${path}: other users can write there, and so make used tokens good again; run: chmod go-w '${path}'`,
    );
  }
}

/**
 * Who can write to the directory that a record stands in can remove it.
 *
 * @throws {@link RecordError} where that is anybody but this user and root
 */
export function assertSafeParent(path: string): void {
  const { uid, mode } = statSync(path);
  const isOpen = (mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0;
  if (isOpen) {
    throw new RecordError(
      `${path}: other users can write there, and so remove the record of used tokens; run: chmod go-w '${path}'`,
    );
  }
  if (uid !== 0 && uid !== process.getuid?.()) {
    throw new RecordError(
      `${path}: it belongs to uid ${uid}, who could remove the record of used tokens: run xtokend as that user, or take another directory`,
    );
  }
}

/** Not Node's own `recursive`: on /proc, and wherever else a new directory is not found, that goes on for ever. */
export function makeDirectories(path: string): void {
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
