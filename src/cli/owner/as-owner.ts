import { spawnSync } from 'node:child_process';
import { lstatSync, statSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppPasswordFileError } from '../../passwords/app-passwords/errors.js';
import { isRoot } from '../../system/effective-user.js';
import { findExposure } from '../../system/trusted-path.js';
import type { OwnerJobResult } from './start-owner-job.js';
import { doOwnerJob, type OwnerJob } from './owner-job.js';
import { packageDirectory } from '../shared/package-directory.js';
import { UsageError } from '../shared/usage-error.js';

/**
 * Does a job as the owner of the directory of its file, if this user is root and the owner is another user, who could otherwise make
 * root write elsewhere by a symbolic link. A child process does it then: Debian's Node.js 20 can't change the user of a process
 * (CVE-2024-22017).
 *
 * @returns the texts that the job results in
 * @throws {@link AppPasswordFileError} if a third user could make root write elsewhere, and what the job throws
 */
export async function asOwner(job: OwnerJob): Promise<readonly string[]> {
  const owner = statSync(dirname(job.file), { throwIfNoEntry: false });
  if (!isRoot() || owner === undefined || owner.uid === 0) return doOwnerJob(job);
  assertOwnersOnly(job.file, owner.uid);
  return inChild(job, owner);
}

/** A third user must not choose the directory. @throws {@link AppPasswordFileError} */
function assertOwnersOnly(file: string, uid: number): void {
  const exposure = findExposure(dirname(file), new Set([0, uid]));
  if (exposure === undefined) return;
  const { message, fix } = exposure;
  throw new AppPasswordFileError(file, `${message}, and so could make root write elsewhere. Fix: ${fix}`);
}

function inChild(job: OwnerJob, owner: Stats): readonly string[] {
  const program = join(packageDirectory(), 'dist', 'start-owner-job.cjs');
  const options = { cwd: dirname(job.file), uid: owner.uid, gid: groupFor(job.file, owner) };
  const { stdout, stderr, error } = spawnSync(process.execPath, [program], {
    ...options,
    input: JSON.stringify(job),
    encoding: 'utf8',
  });
  if (error !== undefined || stdout === '') {
    const cause = error?.message ?? stderr.trim();
    throw new UsageError(
      `expected uid ${owner.uid}, who owns ${dirname(job.file)}, to be able to run ${program}: ${cause}`,
    );
  }
  const result = JSON.parse(stdout) as OwnerJobResult;
  if ('error' in result) throw new UsageError(result.error);
  return result.texts;
}

/** Returns the group of the file, which the new file must get, if it is the owner's own file. */
function groupFor(file: string, owner: Stats): number {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.uid === owner.uid ? stats.gid : owner.gid;
}
