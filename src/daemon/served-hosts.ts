import { randomUUID } from 'node:crypto';
import type { ServedHost } from '../authenticator/steps.js';
import type { Hosts, HostSettings } from '../config/configuration.js';
import type { UserSettings } from '../config/users.js';
import type { Passwords } from '../passwords/passwords.js';
import type { PasswordSettings } from '../passwords/settings.js';
import type { KnownRevocations } from '../users/revocations.js';
import type { KnownUsers, UserDirectory } from '../users/seen-users.js';
import { UserList } from '../users/user-list.js';
import { createUserPolicy, type UserPolicy } from '../users/user-policy.js';

/** Options of {@link openHosts}. */
export interface HostOptions {
  /** Those who have logged in before. */
  readonly seen: KnownUsers;
  readonly revocations: KnownRevocations;
  /** Opens the password back ends. */
  readonly openPasswords: (hosts: Hosts) => Promise<ReadonlyMap<PasswordSettings, Passwords>>;
  /** Called with an error of a list, or of the store of seen users. */
  readonly onWarning: (error: unknown) => void;
}

/**
 * Opens the lists of users and the password back ends of all hosts.
 *
 * @returns a function that finds a host by its name
 * @throws if a list cannot be read, or a back end cannot be opened
 */
export async function openHosts(
  hosts: Hosts,
  options: HostOptions,
): Promise<(host: string) => ServedHost | undefined> {
  const lists = new Map<string, UserList>();
  const policies = new Map<HostSettings, UserPolicy>();
  const opened: { passwords: ReadonlyMap<PasswordSettings, Passwords> } = { passwords: new Map() };
  const passwordsOf = ({ passwords }: HostSettings): Passwords | undefined =>
    passwords && opened.passwords.get(passwords);
  for (const settings of hosts.all) {
    const known = directoryOf(() => passwordsOf(settings));
    policies.set(settings, await openPolicy(settings.users, lists, known, options));
  }
  // After the lists, which can be unreadable.
  opened.passwords = await options.openPasswords(hosts);
  const served = new Map<HostSettings, ServedHost>();
  for (const [settings, users] of policies) {
    served.set(settings, { keys: settings.keys, users, passwords: passwordsOf(settings) });
  }
  return (host) => {
    const settings = hosts.of(host);
    return settings && served.get(settings);
  };
}

async function openPolicy(
  { users, restrictAuth, blockedPath }: UserSettings,
  lists: Map<string, UserList>,
  withPassword: UserDirectory,
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
    const known = { any: 'any', seen, passwords: withPassword } as const;
    return createUserPolicy({ users: known[users], allowed: undefined, ...common });
  }
  const list = await open(users.path, false);
  return createUserPolicy({ users: list, allowed: restrictAuth ? list : undefined, ...common });
}

/** Returns the users whom the password back ends know. */
function directoryOf(passwords: () => Passwords | undefined): UserDirectory {
  return {
    has: async (user, host) => (await passwords()?.isUser({ user, host })) ?? false,
    list: () => Promise.resolve('no-user-list'),
  };
}
