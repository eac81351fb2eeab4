import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { exposureOf, type Exposure } from './exposure.js';

/*
 * What a path leads to is decided by every directory on the way: whoever can rename one of them, or put a symbolic link in its
 * place, can have a file read or written that they choose. So each is looked at, from the root on, also those that symbolic
 * links lead through. If none of them can be changed by anybody but root and this user, there is no race between this look and
 * the use of the path: nobody else can change what it leads to in between, nor later.
 */

/** Whom to trust on the way to a file. */
export interface TrustRules {
  /** The numbers of the users who may change what is on the way: by default root and this process's. */
  readonly users?: ReadonlySet<number>;
  /** Whether to go through directories of trusted users that a group can write to, though not by a symbolic link there. */
  readonly isGroupAccepted?: boolean;
}

/** What a path leads to. */
export interface Resolution {
  /** The path without symbolic links; from what doesn't exist on, as it was given. */
  readonly path: string;
  /** `undefined` if nothing is there, or this user can't look. */
  readonly stats: Stats | undefined;
  /** The first on the way that somebody else can replace. What is behind it isn't looked at. */
  readonly exposure: Exposure | undefined;
  /** Whether others can make files in the last directory, or a group can in any of them. */
  readonly isShared: boolean;
}

const STICKY = 0o1000;
const WRITE_BY_OTHERS = 0o002;
/** As the kernel counts them (path_resolution(7)). */
const MAX_LINKS = 40;

/** Finds what lets somebody else replace or change a file, or what is in a directory. */
export function findExposure(
  path: string,
  users: ReadonlySet<number> = trustedUsers(),
): Exposure | undefined {
  const { path: real, stats, exposure } = resolvePath(path, { users });
  return exposure ?? (stats && exposureOf(real, stats, users));
}

/** @returns root and the user of this process */
export function trustedUsers(): ReadonlySet<number> {
  return new Set([0, process.geteuid?.() ?? 0]);
}

/** Follows a path as the kernel does, and looks at who can change what is on the way. */
export function resolvePath(path: string, rules: TrustRules = {}): Resolution {
  const { users = trustedUsers(), isGroupAccepted = false } = rules;
  const names = [...(isAbsolute(path) ? [] : namesOf(process.cwd())), ...namesOf(path)];
  return follow('/', names, { users, isGroupAccepted }, { links: 0, isShared: false });
}

/** What was met on the way so far. */
interface Way {
  readonly links: number;
  readonly isShared: boolean;
}

function follow(
  directory: string,
  [name, ...rest]: readonly string[],
  rules: Required<TrustRules>,
  way: Way,
): Resolution {
  if (name === undefined) {
    return { path: directory, stats: look(directory), exposure: undefined, isShared: way.isShared };
  }
  if (name === '..') return follow(dirname(directory), rest, rules, way);
  const path = join(directory, name);
  const stats = look(path);
  const { exposure, sharing } = judge(directory, path, stats, rules);
  if (stats !== undefined && exposure === undefined) {
    const next = { links: way.links, isShared: way.isShared || sharing === 'group' };
    if (stats.isSymbolicLink() && !isDescriptor(directory) && way.links < MAX_LINKS) {
      const target = readlinkSync(path);
      const start = isAbsolute(target) ? '/' : directory;
      return follow(start, [...namesOf(target), ...rest], rules, { ...next, links: way.links + 1 });
    }
    if (stats.isDirectory() && rest.length > 0) return follow(path, rest, rules, next);
  }
  const isShared = way.isShared || sharing !== undefined;
  // Not join(): the kernel takes nothing out of a path either.
  return { path: [path, ...rest].join('/'), stats: rest.length > 0 ? undefined : stats, exposure, isShared };
}

interface Judgement {
  /** What lets somebody else replace an entry of the directory. */
  readonly exposure: Exposure | undefined;
  /** Who else can make entries there, if they can't replace those of trusted users. */
  readonly sharing?: 'sticky' | 'group';
}

function judge(
  directory: string,
  path: string,
  entry: Stats | undefined,
  { users, isGroupAccepted }: Required<TrustRules>,
): Judgement {
  const stats = look(directory);
  const exposure = stats && exposureOf(directory, stats, users);
  if (stats === undefined || exposure === undefined || !users.has(stats.uid)) return { exposure };
  const isOfOthers = entry !== undefined && !users.has(entry.uid);
  // In a sticky directory only its owner and that of an entry can rename or remove the entry (unlink(2), EPERM).
  if ((stats.mode & STICKY) !== 0) {
    return { exposure: isOfOthers ? exposureOf(path, entry, users) : undefined, sharing: 'sticky' };
  }
  const isAccepted = isGroupAccepted && (stats.mode & WRITE_BY_OTHERS) === 0;
  if (!isAccepted || isOfOthers || entry?.isSymbolicLink() === true) return { exposure };
  return { exposure: undefined, sharing: 'group' };
}

/** Whether the entries of a directory are open descriptors of a process, whose targets are no paths (proc(5)). */
function isDescriptor(directory: string): boolean {
  return /^\/proc\/\d+(?:\/task\/\d+)?\/fd$/.test(directory);
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    // What keeps this user from it is said when it is used.
    return undefined;
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}
