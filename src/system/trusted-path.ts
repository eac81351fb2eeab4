import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { exposureOf, STICKY, type Exposure } from './exposure.js';

/*
 * Every directory on a path decides what the path leads to: a user who can rename one, or replace it by a symbolic link, chooses
 * the file that is read or written. So each one is checked from the root on, also those that symbolic links lead through. If only
 * root and this user can change them, there is no race between this check and the use of the path.
 */

/** Who may change the directories on a path. */
export interface TrustRules {
  /** The trusted uids: by default root and the user of this process. */
  readonly users?: ReadonlySet<number>;
  /** Whether a group may write to directories of trusted users. Symbolic links in them are still refused. */
  readonly isGroupAccepted?: boolean;
}

/** What a path leads to. */
export interface Resolution {
  /** The path without symbolic links. The part that doesn't exist is unchanged. */
  readonly path: string;
  /** `undefined` if nothing is there, or this user can't see it. */
  readonly stats: Stats | undefined;
  /** The first entry on the path that an untrusted user can replace. Nothing after it was checked. */
  readonly exposure: Exposure | undefined;
  /** Whether others can create files in the last directory, or a group can in any directory on the path. */
  readonly isShared: boolean;
}

const WRITE_BY_OTHERS = 0o002;
/** The limit of the kernel (path_resolution(7)). */
const MAX_LINKS = 40;

/** Returns what lets an untrusted user replace or change a file or directory. */
export function findExposure(
  path: string,
  users: ReadonlySet<number> = trustedUsers(),
): Exposure | undefined {
  const { path: real, stats, exposure } = resolvePath(path, { users });
  return exposure ?? (stats && exposureOf(real, stats, users));
}

/** Returns root and the user of this process. */
export function trustedUsers(): ReadonlySet<number> {
  return new Set([0, process.geteuid?.() ?? 0]);
}

/** Returns some users, and the owner of a file if it exists: for a file that another program is meant to write. */
export function withOwnerOf(path: string, users: ReadonlySet<number> = trustedUsers()): ReadonlySet<number> {
  const owner = lstatSync(path, { throwIfNoEntry: false })?.uid;
  return owner === undefined ? users : new Set([...users, owner]);
}

/** Resolves a path as the kernel does, and checks who can change the directories on it. */
export function resolvePath(path: string, rules: TrustRules = {}): Resolution {
  const { users = trustedUsers(), isGroupAccepted = false } = rules;
  const names = [...(isAbsolute(path) ? [] : namesOf(process.cwd())), ...namesOf(path)];
  return follow('/', names, { users, isGroupAccepted }, { links: 0, isShared: false });
}

/** The state of a resolution. */
interface Progress {
  readonly links: number;
  readonly isShared: boolean;
}

function follow(
  directory: string,
  [name, ...rest]: readonly string[],
  rules: Required<TrustRules>,
  progress: Progress,
): Resolution {
  if (name === undefined) {
    const { isShared } = progress;
    return { path: directory, stats: statsOf(directory), exposure: undefined, isShared };
  }
  if (name === '..') return follow(dirname(directory), rest, rules, progress);
  const path = join(directory, name);
  const stats = statsOf(path);
  const { exposure, sharing } = accessTo(directory, path, stats, rules);
  if (stats !== undefined && exposure === undefined) {
    const next = { links: progress.links, isShared: progress.isShared || sharing === 'group' };
    if (stats.isSymbolicLink() && !isDescriptor(directory) && progress.links < MAX_LINKS) {
      const target = readlinkSync(path);
      const start = isAbsolute(target) ? '/' : directory;
      return follow(start, [...namesOf(target), ...rest], rules, { ...next, links: progress.links + 1 });
    }
    if (stats.isDirectory() && rest.length > 0) return follow(path, rest, rules, next);
  }
  const isShared = progress.isShared || sharing !== undefined;
  // join() would remove "..", which the kernel resolves.
  return { path: [path, ...rest].join('/'), stats: rest.length > 0 ? undefined : stats, exposure, isShared };
}

interface Access {
  /** What lets an untrusted user replace the entry. */
  readonly exposure: Exposure | undefined;
  /** Why others can create entries in the directory, although they can't replace those of trusted users. */
  readonly sharing?: 'sticky' | 'group';
}

function accessTo(
  directory: string,
  path: string,
  entry: Stats | undefined,
  { users, isGroupAccepted }: Required<TrustRules>,
): Access {
  const stats = statsOf(directory);
  const exposure = stats && exposureOf(directory, stats, users);
  if (stats === undefined || exposure === undefined || !users.has(stats.uid)) return { exposure };
  const isUntrusted = entry !== undefined && !users.has(entry.uid);
  // In a sticky directory, only its owner and the owner of an entry can rename or remove the entry (unlink(2), EPERM).
  if ((stats.mode & STICKY) !== 0) {
    return { exposure: isUntrusted ? exposureOf(path, entry, users) : undefined, sharing: 'sticky' };
  }
  const isAccepted = isGroupAccepted && (stats.mode & WRITE_BY_OTHERS) === 0;
  if (!isAccepted || isUntrusted || entry?.isSymbolicLink() === true) return { exposure };
  return { exposure: undefined, sharing: 'group' };
}

/** Returns whether the entries of a directory are descriptors of a process, whose link targets are no paths (proc(5)). */
function isDescriptor(directory: string): boolean {
  return /^\/proc\/\d+(?:\/task\/\d+)?\/fd$/.test(directory);
}

function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    // Using the path reports the error.
    return undefined;
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}
