import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod/mini';
import { AppPasswordFileError } from '../../passwords/app-passwords/errors.js';
import { primaryGroupOf } from '../../system/accounts.js';
import { isRoot } from '../../system/effective-user.js';
import { findExposure } from '../../system/trusted-path.js';
import { packageDirectory } from '../shared/package-directory.js';
import { UsageError } from '../shared/usage-error.js';
import { doOwnerJob, type OwnerJob } from './owner-job.js';

/** Longer than the job waits for the lock of the file. */
const TIMEOUT_MILLISECONDS = 60_000;

/** The owner can write the output of the child, so root's terminal must not interpret it. */
const text = z.string().check(z.regex(/^[^\p{Cc}]*$/u));
const childResult = z.union([
  z.strictObject({ texts: z.array(text) }),
  z.strictObject({ error: z.string().check(z.regex(/^[^\p{Cc}]*(\n[^\p{Cc}]*)*$/u)) }),
]);

/**
 * Does a job as the owner of the directory of its file, if this user is root and the owner is another user, who could otherwise make
 * root write elsewhere by a symbolic link. A child process does it then: Debian's Node.js 20 can't change the user of a process
 * (CVE-2024-22017).
 *
 * @returns the texts that the job results in
 * @throws {@link AppPasswordFileError} if a third user could make root write elsewhere, and what the job throws
 */
export async function asOwner(job: OwnerJob): Promise<readonly string[]> {
  const file = resolve(job.file);
  const owner = statSync(dirname(file), { throwIfNoEntry: false });
  if (!isRoot() || owner === undefined || owner.uid === 0) return doOwnerJob(job);
  assertOwnersOnly(file, owner.uid);
  return inChild({ ...job, file }, owner.uid);
}

/** A third user must not choose the directory. @throws {@link AppPasswordFileError} */
function assertOwnersOnly(file: string, uid: number): void {
  const exposure = findExposure(dirname(file), new Set([0, uid]));
  if (exposure === undefined) return;
  const { message, fix } = exposure;
  throw new AppPasswordFileError(file, `${message}, and so could make root write elsewhere. Fix: ${fix}`);
}

/** The owner can control the child, so it has no right, group or variable that the owner lacks. */
function inChild(job: OwnerJob, uid: number): readonly string[] {
  const gid = primaryGroupOf(uid);
  const program = join(packageDirectory(), 'dist', 'start-owner-job.cjs');
  const who = `uid ${uid}, who owns ${dirname(job.file)}`;
  if (gid === undefined) throw new UsageError(`expected a user in /etc/passwd with ${who}; found none`);
  const { stdout, stderr, error } = spawnSync(process.execPath, [...process.execArgv, program], {
    uid,
    gid,
    cwd: '/',
    env: {},
    input: JSON.stringify(job),
    encoding: 'utf8',
    timeout: TIMEOUT_MILLISECONDS,
  });
  const result = parseResult(stdout);
  if (result === undefined) {
    const cause = error?.message ?? stderr.replaceAll(/\p{Cc}+/gu, ' ');
    throw new UsageError(`expected ${who}, to be able to run ${program}: ${cause}`);
  }
  if ('error' in result) throw new UsageError(result.error);
  return result.texts;
}

/** Returns `undefined` if the child could not do the job. */
function parseResult(output: string | null): z.infer<typeof childResult> | undefined {
  try {
    return childResult.parse(JSON.parse(output ?? ''));
  } catch {
    return undefined;
  }
}
