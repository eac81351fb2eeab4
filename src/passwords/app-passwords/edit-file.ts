import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf } from '../../errors.js';
import { nameOfGroup } from '../../system/accounts.js';
import { isRoot } from '../../system/effective-user.js';
import { fileVersion } from '../../system/file-identity.js';
import { isMissing, readTextFile } from '../../system/read-file.js';
import { findExposure } from '../../system/trusted-path.js';
import { formatLines, MAX_FILE_BYTES, parseLines, type Line } from './entries.js';
import { AppPasswordFileError } from './errors.js';
import { withLock } from './file-lock.js';
import { explainUnreadable, explainWriteError } from './write-errors.js';

const PRIVATE = 0o600;
const READABLE_BY_GROUP = 0o640;
/** Never executable, and nothing for other users. */
const KEPT_MODE = 0o660;
const UNFINISHED = /^\.[0-9a-f-]{36}\.tmp$/;
/** A program without the lock, such as an editor, may change the file meanwhile. */
const MAX_ATTEMPTS = 5;

/** What to change in a file. */
export interface Edit<T> {
  /** The new lines, or `undefined` to leave the file alone. */
  readonly lines: readonly Line[] | undefined;
  readonly result: T;
}

/**
 * Changes a file of app passwords: completely or not at all, and never at the same time as another process. Keeps its owner, group and
 * mode, but takes all rights from other users. If it is missing, only its owner can read the new one.
 *
 * @param edit returns the change; called again if another program has changed the file meanwhile
 * @param group the number of a group that may also read a new file
 * @throws {@link AppPasswordFileError}, and what `edit` throws
 */
export async function editFile<T>(
  file: string,
  edit: (lines: readonly Line[]) => Promise<Edit<T>>,
  group?: number,
): Promise<T> {
  const path = resolve(file);
  assertSafe(path);
  return withLock(path, async (assertHeld) => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const before = inspect(path);
      const { lines, result } = await edit(await readLines(path));
      if (lines === undefined) return result;
      assertHeld();
      if (write(path, formatLines(lines), before, group)) return result;
    }
    throw new AppPasswordFileError(path, 'another program keeps changing it. Try again');
  });
}

/** Another user who can change a directory on the path could make root write elsewhere. */
function assertSafe(path: string): void {
  if (!isRoot()) return;
  const exposure = findExposure(dirname(path));
  if (exposure === undefined) return;
  const { message, fix } = exposure;
  throw new AppPasswordFileError(
    path,
    `${message}, and so could make root write to other files. Fix: ${fix}`,
  );
}

/** A file before it is changed. */
interface Before {
  readonly stats: Stats;
  /** Differs after each change. */
  readonly version: string | undefined;
}

/** Returns `undefined` if the file is missing. */
function inspect(path: string): Before | undefined {
  const version = fileVersion(path);
  let stats: Stats | undefined;
  try {
    stats = lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new AppPasswordFileError(path, explainUnreadable(error), { cause: error });
  }
  if (stats?.isSymbolicLink() === true) {
    throw new AppPasswordFileError(path, 'it is a symbolic link. Name the file that it leads to instead');
  }
  return stats && { stats, version };
}

/** Reads the lines of a file of app passwords; a missing one has none. @throws {@link AppPasswordFileError} */
export async function readLines(path: string): Promise<Line[]> {
  let text: string;
  try {
    text = readTextFile(path, MAX_FILE_BYTES);
  } catch (error) {
    if (isMissing(error)) return [];
    throw new AppPasswordFileError(path, explainUnreadable(error), { cause: error });
  }
  return parseLines(path, text);
}

/** @returns `false` if another program has changed the file meanwhile */
function write(path: string, text: string, before: Before | undefined, group: number | undefined): boolean {
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) {
    throw new AppPasswordFileError(
      path,
      `expected at most ${MAX_FILE_BYTES} bytes. Remove unused app passwords`,
    );
  }
  removeUnfinished(path);
  const unfinished = `${path}.${randomUUID()}.tmp`;
  try {
    writeUnfinished(unfinished, text, before?.stats, group);
    if (!replace(path, unfinished, before)) return false;
    sync(dirname(path));
    return true;
  } catch (error) {
    throw error instanceof AppPasswordFileError
      ? error
      : new AppPasswordFileError(path, explainWriteError(path, error), { cause: error });
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** Removes what processes that were killed have left: nobody else writes while this process holds the lock. */
function removeUnfinished(path: string): void {
  const [directory, name] = [dirname(path), basename(path)];
  for (const entry of readdirSync(directory)) {
    const isUnfinished = entry.startsWith(name) && UNFINISHED.test(entry.slice(name.length));
    if (isUnfinished) rmSync(join(directory, entry), { force: true });
  }
}

function writeUnfinished(
  path: string,
  text: string,
  like: Stats | undefined,
  group: number | undefined,
): void {
  const descriptor = openSync(path, 'wx', PRIVATE);
  try {
    const { uid, gid } = fstatSync(descriptor);
    const owner = { uid: like?.uid ?? uid, gid: like?.gid ?? group ?? gid };
    if (owner.uid !== uid || owner.gid !== gid) chown(path, descriptor, owner);
    // After fchown(), which clears bits of the mode.
    fchmodSync(descriptor, like === undefined ? modeOfNew(group) : like.mode & KEPT_MODE);
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function modeOfNew(group: number | undefined): number {
  return group === undefined ? PRIVATE : READABLE_BY_GROUP;
}

function chown(path: string, descriptor: number, owner: Pick<Stats, 'uid' | 'gid'>): void {
  try {
    fchownSync(descriptor, owner.uid, owner.gid);
  } catch (error) {
    throw Object.assign(new Error(explainOwner(dirname(path), owner), { cause: error }), { code: undefined });
  }
}

function explainOwner(directory: string, { uid, gid }: Pick<Stats, 'uid' | 'gid'>): string {
  const own = process.geteuid?.();
  if (uid === own) {
    return `uid ${uid} may not give the new file to the group ${nameOfGroup(gid)}, with which xtokend reads it. As root, run: chgrp ${nameOfGroup(gid)} '${directory}' && chmod g+s '${directory}'`;
  }
  return `uid ${String(own)} may not change the owner of the new file to uid ${uid} and gid ${gid}, with which xtokend reads it. Run this as root, or as that user`;
}

/** Puts a file in the place of the one before. */
function replace(path: string, unfinished: string, before: Before | undefined): boolean {
  if (before !== undefined) {
    if (fileVersion(path) !== before.version) return false;
    renameSync(unfinished, path);
    return true;
  }
  try {
    // Unlike a rename, a link never replaces an existing file.
    linkSync(unfinished, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function sync(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
