import { codeOf, messageOf } from '../../errors.js';
import { ReplayCacheError } from '../errors.js';

/**
 * Explains why a directory can't be used, and what to do. The message depends on the fault only, not on the file that it was
 * met at.
 */
export function directoryFault(directory: string, error: unknown): ReplayCacheError {
  if (error instanceof ReplayCacheError) return error;
  const explanation = explanations[String(codeOf(error))] ?? `it can't be used (${messageOf(error)})`;
  return new ReplayCacheError(`${directory}: ${explanation}`, { cause: error });
}

const user = `this user (uid ${String(process.getuid?.())})`;
const noPermission = `${user} has no permission to write there: change the owner of the directory, or run xtokend as its owner`;
const tooManyFiles = 'too many files are open: raise the limit (LimitNOFILE= in systemd, ulimit -n)';
const inTheWay = 'a file that is not a directory is in the way: move it, or correct replay.path';
const explanations: Readonly<Record<string, string>> = {
  ENOSPC: 'no space or no inodes are left: free some; df and df -i show which',
  EDQUOT: `the disk quota of ${user} is used up: free space, or raise it`,
  EROFS:
    'the file system is read-only: mount it writable; the kernel does this when a disk fails (see dmesg)',
  EACCES: noPermission,
  EPERM: noPermission,
  ENOENT: 'it is missing: create it, or correct replay.path',
  ENOTDIR: inTheWay,
  EEXIST: inTheWay,
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
  EIO: 'the disk fails (see dmesg): replace it',
};
