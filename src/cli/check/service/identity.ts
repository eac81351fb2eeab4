import { findGroup, nameOfGroup } from '../../../system/accounts.js';
import { findAccount, type Account } from '../accounts.js';
import { isDynamicUser } from '../configuration/trusted-users.js';
import type { Properties } from './find-service.js';

/** The user of a service, and the group to which files for it can be given. */
export interface Identity {
  /** Its user, with all groups of its process. */
  readonly account: Account;
  /** `undefined` if systemd allocates user and group at each start (`DynamicUser=`), or doesn't know the user. */
  readonly group: string | undefined;
}

/** No file belongs to it: by modes it may do what everybody may. */
const NO_ID = -1;

/** Finds out who a service is to the kernel (systemd.exec(5), `User=`, `Group=`, `SupplementaryGroups=`). */
export function identityOf(service: Properties): Identity {
  const { User: user, Group: group, DynamicUser: dynamic, SupplementaryGroups: more = '' } = service;
  const name = user === undefined || user === '' ? 'root' : user;
  const supplementary = more.split(' ').flatMap((entry) => gidOf(entry) ?? []);
  const account = findAccount(name);
  // With DynamicUser= a user that exists is taken as it is.
  const isAllocated = dynamic === 'yes' && (account === undefined || isDynamicUser(account.uid));
  if (account === undefined || isAllocated)
    return { account: { name, uid: NO_ID, gids: supplementary }, group: undefined };
  const [own = 0, ...others] = account.gids;
  const gid = gidOf(group ?? '') ?? own;
  return { account: { ...account, gids: [gid, ...others, ...supplementary] }, group: nameOfGroup(gid) };
}

function gidOf(group: string): number | undefined {
  if (/^\d+$/.test(group)) return Number(group);
  return group === '' ? undefined : findGroup(group);
}
