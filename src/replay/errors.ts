import { codeOf, messageOf, XtokendError } from '../errors.js';

/** The replay cache cannot be asked: `code` is `'replay-cache-unavailable'`. The message says what to do. */
export class ReplayCacheError extends XtokendError {
  constructor(message: string, options?: ErrorOptions) {
    super('replay-cache-unavailable', message, options);
  }
}

/**
 * Says in words what keeps a directory from being used, and what to do. The same fault has always the same words, whichever
 * file it was met at.
 *
 * @param directory where the fault was met
 */
export function directoryFault(directory: string, error: unknown): ReplayCacheError {
  if (error instanceof ReplayCacheError) return error;
  const code = String(codeOf(error));
  return new ReplayCacheError(
    `${directory}: ${explanations[code] ?? `it cannot be used (${messageOf(error)})`}`,
    {
      cause: error,
    },
  );
}

const user = `this user (uid ${String(process.getuid?.())})`;
const tooManyFiles = 'too many files are open: raise the limit (LimitNOFILE= in systemd, ulimit -n)';
const inTheWay = 'something that is no directory is in its way: move that, or correct replay.path';
const explanations: Readonly<Record<string, string>> = {
  ENOSPC: 'no space or no inodes are left there: make room; `df` and `df -i` say which of them it is',
  EDQUOT: `the quota of ${user} is used up: make room, or raise it`,
  EROFS:
    'the file system is read-only: mount it writable; the kernel makes it so when a disk fails (see dmesg)',
  EACCES: `${user} may not write there: give it the directory, or run xtokend as its owner`,
  EPERM: `${user} may not write there: give it the directory, or run xtokend as its owner`,
  ENOENT: 'it is missing: make it, or correct replay.path',
  ENOTDIR: inTheWay,
  EEXIST: inTheWay,
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
  EIO: 'the disk fails (see dmesg): replace it',
};
