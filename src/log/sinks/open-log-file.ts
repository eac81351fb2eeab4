import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import { resolvePath, trustedUsers, type Resolution } from '../../system/trusted-path.js';

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
const FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;

/**
 * Opens a log file, and makes it if it's missing. It is never one that another user has chosen by a link: a daemon that runs as
 * root would append to any file of the machine.
 *
 * A directory that a group can write to is accepted, since /var/log is one on some systems (`root:syslog`, mode 0775). What is
 * opened below such a directory must be a file of this user or root without other names, that is still in its place.
 *
 * @returns its descriptor
 * @throws if somebody else can put a link there, or the file can't be opened
 */
export function openLogFile(path: string): number {
  const place = resolveLogFile(path);
  // /dev/stderr leads to the descriptor of a process, and that to what isn't a path.
  const descriptor = openForAppending(place.path, place.stats?.isSymbolicLink() === true ? 0 : O_NOFOLLOW);
  try {
    // On the terminal of Prosody's stock module a log line is an answer, whatever path leads there.
    if (isatty(descriptor)) throw new Error('expected a file, found a terminal');
    if (place.isShared) assertOwnFile(place.path, descriptor);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Opens whatever a path leads to, for appending. */
export function openForAppending(path: string, flags = 0): number {
  return openSync(path, FLAGS | flags, 0o640);
}

function resolveLogFile(path: string): Resolution {
  const place = resolvePath(path, { isGroupAccepted: true });
  if (place.exposure === undefined) return place;
  const { message, fix } = place.exposure;
  throw new Error(
    `expected a path that only root and this user can change, but ${message}, and so can have any file written to; fix: ${fix}`,
  );
}

/** Asks the kernel where the open file is: its path could lead elsewhere at each look. */
function assertOwnFile(path: string, descriptor: number): void {
  const stats = fstatSync(descriptor);
  const isOwn = stats.isFile() && trustedUsers().has(stats.uid) && stats.nlink === 1;
  if (isOwn && readlinkSync(`/proc/self/fd/${descriptor}`) === path) return;
  throw new Error(
    `${path}: expected a file of this user or root with a single name, since others can make files in its directory; ` +
      'fix: move away what is there, or choose another directory',
  );
}
