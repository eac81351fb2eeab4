import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { codeOf } from '../../errors.js';
import { describeOwner } from '../../system/accounts.js';

const PRIVATE = 0o600;
const READABLE_BY_GROUP = 0o640;

/**
 * Writes a new file that other users cannot read, completely or not at all.
 *
 * @param group the number of a group that may also read it
 * @returns `false` if the path exists already; it is not changed
 * @throws the system's error if the file cannot be written
 */
export function writeNewFile(path: string, text: string, group?: number): boolean {
  const unfinished = `${path}.${randomUUID()}`;
  try {
    const descriptor = openSync(unfinished, 'wx', PRIVATE);
    try {
      if (group !== undefined) giveTo(descriptor, group, READABLE_BY_GROUP);
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    // Unlike a rename, a link never replaces an existing file.
    linkSync(unfinished, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** Describes who may read a file, such as `mode 0640, root:xtokend`. */
export function describeAccess(path: string): string {
  const stats = statSync(path);
  return `mode 0${(stats.mode & 0o777).toString(8)}, ${describeOwner(stats)}`;
}

/**
 * Lets a group read an existing file, and takes that right from other users.
 *
 * @throws the system's error, such as `EPERM`; `ELOOP` if the file is a symbolic link
 */
export function shareFile(path: string, group: number): void {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const { mode } = fstatSync(descriptor);
    giveTo(descriptor, group, (mode & 0o700) | (READABLE_BY_GROUP & 0o077));
  } finally {
    closeSync(descriptor);
  }
}

function giveTo(descriptor: number, group: number, mode: number): void {
  fchownSync(descriptor, fstatSync(descriptor).uid, group);
  // After fchown(), which clears bits of the mode.
  fchmodSync(descriptor, mode);
}
