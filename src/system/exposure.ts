import { readFileSync, type Stats } from 'node:fs';
import { membersOfGroup, nameOfGroup, nameOfUser } from './accounts.js';
import { quoted } from '../quoted.js';

/** That somebody who isn't trusted can change a file or directory. */
export interface Exposure {
  readonly path: string;
  /** Who can change it, and why, such as `user prosody owns /run/chat`. */
  readonly message: string;
  /** What to do about it, for a person. */
  readonly fix: string;
}

const WRITE_BY_GROUP = 0o020;
const WRITE_BY_OTHERS = 0o002;

/**
 * Finds out who else can change a file or directory, by its owner and mode. Access control lists aren't read: the group's bits
 * of the mode show the most that such a list allows.
 *
 * @param trusted the numbers of the users who may change it
 * @returns `undefined` if nobody else can
 */
export function exposureOf(path: string, stats: Stats, trusted: ReadonlySet<number>): Exposure | undefined {
  if (!trusted.has(stats.uid)) return ownedBy(path, stats.uid);
  // A symbolic link has no mode of its own; whoever can't replace it can't change it.
  if (stats.isSymbolicLink()) return undefined;
  const isOpenToGroup = (stats.mode & WRITE_BY_GROUP) !== 0 && !isPrivateGroup(stats.gid, trusted);
  if ((stats.mode & WRITE_BY_OTHERS) !== 0) {
    const fix = `chmod ${isOpenToGroup ? 'go' : 'o'}-w ${quoted(path)}`;
    return { path, message: `every user of this machine can write to ${path}`, fix };
  }
  if (!isOpenToGroup) return undefined;
  const members = membersOfGroup(stats.gid).map(({ name }) => name);
  const group = `group ${nameOfGroup(stats.gid)}${members.length === 0 ? '' : ` (${members.join(', ')})`}`;
  return { path, message: `${group} can write to ${path}`, fix: `chmod g-w ${quoted(path)}` };
}

function ownedBy(path: string, uid: number): Exposure {
  if (isUnmapped(uid)) {
    // Here even directories of root look like this, but so do those of every other user of the machine.
    return {
      path,
      message: `a user from outside of this container (shown as uid ${uid}) owns ${path}`,
      fix: 'choose a directory that was made inside of the container, or map its owner into it',
    };
  }
  const name = nameOfUser(uid);
  return {
    path,
    message: `${name === undefined ? `uid ${uid}` : `user ${name}`} owns ${path}`,
    fix: `chown root ${quoted(path)}, or run xtokend as ${name === undefined ? `uid ${uid}` : `user ${name}`}`,
  };
}

/**
 * Whether a group is that of a trusted user alone, as many distributions make one for each user, and let it write by their
 * umask. A group without listed members is for programs that get it by other ways (Debian's sshd decides likewise).
 */
function isPrivateGroup(gid: number, trusted: ReadonlySet<number>): boolean {
  const members = membersOfGroup(gid);
  return members.length > 0 && members.every(({ uid }) => uid !== undefined && trusted.has(uid));
}

/** Whether this number stands for every user whom a user namespace doesn't map (user_namespaces(7)). */
function isUnmapped(uid: number): boolean {
  try {
    const overflow = Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
    const isInitial = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
    return uid === overflow && !isInitial;
  } catch {
    return false;
  }
}
