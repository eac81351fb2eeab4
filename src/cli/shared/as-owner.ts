import { lstatSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { AppPasswordFileError } from '../../passwords/app-passwords/errors.js';
import { actAs, isRoot } from '../../system/effective-user.js';
import { findExposure } from '../../system/trusted-path.js';

/**
 * Does some work as the owner of the directory of a file, if this user is root and the owner is another user, who could otherwise make
 * root write elsewhere by a symbolic link. Meanwhile the whole process acts as that user.
 *
 * @throws {@link AppPasswordFileError} if a third user could make root write elsewhere
 */
export async function asOwnerOf<T>(file: string, work: () => Promise<T>): Promise<T> {
  const owner = statSync(dirname(file), { throwIfNoEntry: false });
  if (!isRoot() || owner === undefined || owner.uid === 0) return work();
  assertOwnersOnly(file, owner.uid);
  const switchBack = actAs({ uid: owner.uid, gid: groupFor(file, owner) });
  try {
    return await work();
  } finally {
    switchBack();
  }
}

/** A third user must not choose the directory. @throws {@link AppPasswordFileError} */
function assertOwnersOnly(file: string, uid: number): void {
  const exposure = findExposure(dirname(file), new Set([0, uid]));
  if (exposure === undefined) return;
  const { message, fix } = exposure;
  throw new AppPasswordFileError(file, `${message}, and so could make root write elsewhere. Fix: ${fix}`);
}

/** Returns the group of the file, which the new file must get, if it is the owner's own file. */
function groupFor(file: string, owner: Stats): number {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.uid === owner.uid ? stats.gid : owner.gid;
}
