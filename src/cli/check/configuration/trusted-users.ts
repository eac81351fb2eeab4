import { statSync } from 'node:fs';
import { trustedUsers } from '../../../system/trusted-path.js';
import { nameOfUser } from '../../../system/accounts.js';

/** Users that systemd makes up for a service (`DynamicUser=`) are in no /etc/passwd (systemd's UIDS-GIDS). */
const DYNAMIC_USERS = { first: 61_184, last: 65_519 };

/** @returns whether a user is one that a daemon can run as, to whom root leaves what is theirs */
export function isServiceUser(uid: number): boolean {
  return uid !== 0 && (isDynamicUser(uid) || nameOfUser(uid) !== undefined);
}

/** Whether systemd allocates this number for as long as a service runs. */
export function isDynamicUser(uid: number): boolean {
  return uid >= DYNAMIC_USERS.first && uid <= DYNAMIC_USERS.last;
}

/**
 * @returns who may change a file of the daemon's, and what leads there: root and this user. If this is root, the daemon may run as
 *   another user, to whom its files belong
 */
export function trustedWith(path: string): ReadonlySet<number> {
  const trusted = trustedUsers();
  const owner = process.geteuid?.() === 0 ? ownerOf(path) : undefined;
  return owner !== undefined && isServiceUser(owner) ? new Set([...trusted, owner]) : trusted;
}

function ownerOf(path: string): number | undefined {
  // Of what a link leads to, such as that of systemd from /var/lib to /var/lib/private.
  return statSync(path, { throwIfNoEntry: false })?.uid;
}
