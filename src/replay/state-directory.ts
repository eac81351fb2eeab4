import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  statSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '../errors.js';
import { findExposure } from '../system/trusted-path.js';
import { ReplayCacheError } from './errors.js';

const WRITABLE_BY_OTHERS = 0o022;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;

/** @throws {@link ReplayCacheError} if a path is not a directory or file of this user that nobody else can change */
export function assertOwn(path: string, kind: 'a directory' | 'a file'): void {
  const stats = lstatSync(path);
  if (kindOf(stats) !== kind) {
    throw new ReplayCacheError(`${path}: expected ${kind}, found ${kindOf(stats)}: remove it`);
  }
  const uid = process.getuid?.();
  if (stats.uid !== uid) {
    throw new ReplayCacheError(
      `${path}: expected ${kind} of uid ${String(uid)}, found one of uid ${stats.uid}: run xtokend as that user, or remove it`,
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

/** @throws {@link ReplayCacheError} if anybody but this user and root can change a directory, or one that leads to it */
export function assertTrusted(path: string): void {
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

/** Creates a directory, unless something with that name exists already. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Creates a file, or writes its content again if there is one already. */
export function writeFile(path: string, content: string): void {
  const descriptor = openSync(path, NEW_FILE, 0o600);
  try {
    writeSync(descriptor, content);
  } finally {
    closeSync(descriptor);
  }
}

/** Returns whether something with this name exists, including a dangling link. */
export function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isSymbolicLink()) return 'a symbolic link';
  return stats.isFile() ? 'a file' : 'something else';
}

/**
 * Explains why a directory can't be used, and what to do. The message depends on the fault only, not on the file that it was
 * met at.
 */
export function explainFault(directory: string, error: unknown): ReplayCacheError {
  if (error instanceof ReplayCacheError) return error;
  const explanation = explanations[String(codeOf(error))] ?? `it can't be used (${messageOf(error)})`;
  return new ReplayCacheError(`${directory}: ${explanation}`, { cause: error });
}

const user = `this user (uid ${String(process.getuid?.())})`;
const noPermission = `${user} has no permission to write there: change the owner of the directory, run xtokend as its owner, or remove the attribute "immutable" (lsattr, chattr -i)`;
const tooManyFiles = 'too many files are open: raise the limit (LimitNOFILE= in systemd, ulimit -n)';
const inTheWay = 'a file that is not a directory is in the way: move it, or correct replay.path';
const explanations: Readonly<Record<string, string>> = {
  ENOSPC: 'no space or no inodes are left: free some; df and df -i show which',
  EDQUOT: `the disk quota of ${user} is used up: free space, or raise it`,
  EFBIG: 'the limit of file sizes is reached: raise it (LimitFSIZE= in systemd, ulimit -f)',
  EROFS:
    'the file system is read-only, as after a fault of the disk (see dmesg), which can lose the last records: stop xtokend, wait 90 s, ' +
    'mount it writable, and start xtokend',
  EACCES: noPermission,
  EPERM: noPermission,
  ENOENT: 'it is missing, or was moved meanwhile: leave it alone while xtokend runs, or correct replay.path',
  ENOTDIR: inTheWay,
  EEXIST: inTheWay,
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
  EIO: 'the disk fails (see dmesg): replace it',
};
