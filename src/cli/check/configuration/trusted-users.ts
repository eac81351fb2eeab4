import { nameOfUser } from '../../../system/accounts.js';
import { isRoot } from '../../../system/effective-user.js';
import { trustedUsers } from '../../../system/trusted-path.js';
import { statOf } from '../machine/access.js';

/** The users that systemd allocates for `DynamicUser=`, which are not in /etc/passwd (systemd's UIDS-GIDS). */
const DYNAMIC_USERS = { first: 61_184, last: 65_519 };

/** Returns whether a daemon can run as a user, so that root accepts the files of this user. */
export function isServiceUser(uid: number): boolean {
  return uid !== 0 && (isDynamicUser(uid) || nameOfUser(uid) !== undefined);
}

/** Returns whether systemd allocates this number while a service runs. */
export function isDynamicUser(uid: number): boolean {
  return uid >= DYNAMIC_USERS.first && uid <= DYNAMIC_USERS.last;
}

/**
 * Returns who may change a file of the daemon and the directories above it: root and this user. If this user is root, the daemon may
 * run as another user, who owns its files.
 */
export function trustedWith(path: string): ReadonlySet<number> {
  const trusted = trustedUsers();
  // The owner of the target of a link, such as systemd's from /var/lib to /var/lib/private.
  const owner = isRoot() ? statOf(path)?.uid : undefined;
  return owner !== undefined && isServiceUser(owner) ? new Set([...trusted, owner]) : trusted;
}
