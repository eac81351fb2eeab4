import { readFileSync, type Stats } from 'node:fs';
import { membersOfGroup, nameOfGroup, nameOfUser } from './accounts.js';
import { quoted } from '../quoted.js';

/** A file or directory that an untrusted user can change. */
export interface Exposure {
  readonly path: string;
  /** Who can change it, and why, such as `user prosody owns /run/chat`. */
  readonly message: string;
  /** How to fix it, as a command or an instruction. */
  readonly fix: string;
}

const WRITE_BY_GROUP = 0o020;
const WRITE_BY_OTHERS = 0o002;
/** Only the owner of an entry can rename or remove it, as in /tmp. */
export const STICKY = 0o1000;

/**
 * Returns who else can change a file or directory, by its owner and mode. Does not read access control lists: the group bits of
 * the mode are the maximum that such a list allows.
 *
 * @param trusted the uids that may change it
 * @returns `undefined` if nobody else can
 */
export function exposureOf(path: string, stats: Stats, trusted: ReadonlySet<number>): Exposure | undefined {
  if (!trusted.has(stats.uid)) return ownedBy(path, stats.uid);
  // The mode of a symbolic link is ignored; to change it means to replace it.
  if (stats.isSymbolicLink()) return undefined;
  const isOpenToGroup = (stats.mode & WRITE_BY_GROUP) !== 0 && !isPrivateGroup(stats.gid, trusted);
  if ((stats.mode & WRITE_BY_OTHERS) !== 0) {
    // Programs rely on the mode of a directory such as /tmp.
    const isSticky = stats.isDirectory() && (stats.mode & STICKY) !== 0;
    const fix = isSticky
      ? `choose a directory that only you can change, instead of ${quoted(path)}`
      : `chmod ${isOpenToGroup ? 'go' : 'o'}-w ${quoted(path)}`;
    return { path, message: `every user of this machine can write to ${path}`, fix };
  }
  if (!isOpenToGroup) return undefined;
  const members = membersOfGroup(stats.gid).map(({ name }) => name);
  const group = `group ${nameOfGroup(stats.gid)}${members.length === 0 ? '' : ` (${members.join(', ')})`}`;
  return { path, message: `${group} can write to ${path}`, fix: `chmod g-w ${quoted(path)}` };
}

function ownedBy(path: string, uid: number): Exposure {
  if (isUnmapped(uid)) {
    // In a container this can be root of the host, or any of its users.
    return {
      path,
      message: `a user from outside this container (shown as uid ${uid}) owns ${path}`,
      fix: 'choose a directory that was created inside the container, or map its owner into it',
    };
  }
  const name = nameOfUser(uid);
  const owner = name === undefined ? `uid ${uid}` : `user ${name}`;
  const fix = `chown root ${quoted(path)}, or run xtokend as ${owner}`;
  return { path, message: `${owner} owns ${path}`, fix };
}

/**
 * Returns whether only trusted users are in a group. Many distributions create a group for each user and let it write by their
 * umask. A group without listed members isn't private: programs can get it in other ways (Debian's sshd has the same rule).
 */
function isPrivateGroup(gid: number, trusted: ReadonlySet<number>): boolean {
  const members = membersOfGroup(gid);
  return members.length > 0 && members.every(({ uid }) => uid !== undefined && trusted.has(uid));
}

/** Returns whether this uid stands for all users that the user namespace doesn't map (user_namespaces(7)). */
function isUnmapped(uid: number): boolean {
  try {
    const overflow = Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
    const isInitial = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
    return uid === overflow && !isInitial;
  } catch {
    return false;
  }
}
