import { randomUUID } from 'node:crypto';
import type { ServedHost } from '../authenticator/steps.js';
import type { Hosts, HostSettings } from '../config/configuration.js';
import type { UserSettings } from '../config/users.js';
import type { KnownRevocations } from '../users/revocations.js';
import type { KnownUsers } from '../users/seen-users.js';
import { UserList } from '../users/user-list.js';
import { createUserPolicy, type UserPolicy } from '../users/user-policy.js';

/** Options of {@link openHosts}. */
export interface HostOptions {
  /** Those who have logged in before. */
  readonly seen: KnownUsers;
  readonly revocations: KnownRevocations;
  /** Called with an error of a list, or of the store of seen users. */
  readonly onWarning: (error: unknown) => void;
}

/**
 * Opens the lists of users of all hosts.
 *
 * @returns a function that finds a host by its name
 * @throws if a list cannot be read
 */
export async function openHosts(
  hosts: Hosts,
  options: HostOptions,
): Promise<(host: string) => ServedHost | undefined> {
  const lists = new Map<string, UserList>();
  const served = new Map<HostSettings, ServedHost>();
  for (const settings of hosts.all) {
    served.set(settings, { keys: settings.keys, users: await openPolicy(settings.users, lists, options) });
  }
  return (host) => {
    const settings = hosts.of(host);
    return settings && served.get(settings);
  };
}

async function openPolicy(
  { users, restrictAuth, blockedPath }: UserSettings,
  lists: Map<string, UserList>,
  { seen, revocations, onWarning }: HostOptions,
): Promise<UserPolicy> {
  const open = async (path: string, listsBlockedUsers: boolean): Promise<UserList> => {
    // Hosts that name the same file share its list.
    const name = `${String(listsBlockedUsers)} ${path}`;
    const list = lists.get(name) ?? (await UserList.open(path, { listsBlockedUsers, onWarning }));
    lists.set(name, list);
    return list;
  };
  const blocked = blockedPath === undefined ? undefined : await open(blockedPath, true);
  const common = { blocked, revocations, id: randomUUID().slice(0, 8), onWarning };
  if (typeof users === 'string') {
    const known = users === 'any' ? users : seen;
    return createUserPolicy({ users: known, allowed: undefined, ...common });
  }
  const list = await open(users.path, false);
  return createUserPolicy({ users: list, allowed: restrictAuth ? list : undefined, ...common });
}
