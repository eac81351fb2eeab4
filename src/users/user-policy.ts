import type { KnownRevocations, MaybePromise, Revocation } from './revocations.js';
import type { KnownUsers, UserDirectory, UsersUnavailable } from './seen-users.js';
import type { UserList } from './user-list.js';
import type { UserPage } from './user-page.js';

/** Why a user with a valid token or password can't log in. */
export type UserRefusal =
  /** The user is on the list of blocked users, or revoked. */
  | 'blocked-user'
  /** The user is not on the list of users, which also restricts logins. */
  | 'unlisted-user'
  /** The store of the revocations can't be used. */
  | 'replay-cache-unavailable';

/** Decides who is a user of a host. */
export interface UserPolicy {
  /** Returns whether a user who may log in exists, or why nobody can tell. */
  isUser(user: string, host: string): MaybePromise<boolean | UsersUnavailable>;
  /** Returns why a user can't log in, or `undefined`. */
  refusalOf(user: string, host: string): MaybePromise<UserRefusal | undefined>;
  /** Returns when a user was revoked, in milliseconds since the Unix epoch, also if that was undone later. */
  revokedAt(user: string, host: string): MaybePromise<number | undefined | 'replay-cache-unavailable'>;
  /** Returns a text that differs whenever a result of {@link refusalOf} could differ. */
  version(): Promise<string>;
  /** Lists a page of the users. @param after `next` of the page before */
  list(host: string, after: string | undefined): Promise<UserPage | 'no-user-list' | UsersUnavailable>;
  /** Records a login. Never throws, and returns before it is stored. */
  recordLogin(user: string, host: string): void;
}

/** Options of {@link createUserPolicy}. */
export interface UserPolicyOptions {
  readonly users: 'any' | UserDirectory | KnownUsers;
  /** The list that also restricts logins. */
  readonly allowed: UserList | undefined;
  readonly blocked: UserList | undefined;
  readonly revocations: KnownRevocations;
  /** Distinguishes this policy from earlier ones. */
  readonly id: string;
  /** Called if a login can't be recorded. */
  readonly onWarning: (error: unknown) => void;
}

/** Creates the policy of a host from its lists. */
export function createUserPolicy(options: UserPolicyOptions): UserPolicy {
  const { users, allowed, blocked, revocations, id, onWarning } = options;
  const findInLists = async (user: string, host: string): Promise<UserRefusal | undefined> => {
    if (blocked !== undefined && (await blocked.has(user, host))) return 'blocked-user';
    if (allowed !== undefined && !(await allowed.has(user, host))) return 'unlisted-user';
    return undefined;
  };
  return {
    isUser: (user, host) => users === 'any' || users.has(user, host),
    refusalOf: (user, host) => {
      const revocation = revocations.of(user, host);
      const hasLists = blocked !== undefined || allowed !== undefined;
      if (!hasLists) return whenKnown(revocation, refusalBy);
      return Promise.resolve(revocation).then((found) => refusalBy(found) ?? findInLists(user, host));
    },
    revokedAt: (user, host) =>
      whenKnown(revocations.of(user, host), (found) =>
        typeof found === 'string' ? found : found?.revokedAt,
      ),
    version: async () => {
      const lists = [blocked, allowed].filter((list) => list !== undefined);
      const versions = await Promise.all([...lists.map((list) => list.version()), revocations.version()]);
      return [id, ...versions].join('.');
    },
    list: async (host, after) => (users === 'any' ? 'no-user-list' : users.list(host, after)),
    recordLogin: (user, host) => {
      if (users !== 'any' && 'add' in users) users.add(user, host).catch(onWarning);
    },
  };
}

type Found = Revocation | undefined | 'replay-cache-unavailable';

function refusalBy(found: Found): UserRefusal | undefined {
  if (typeof found === 'string') return found;
  return found?.isBlocked === true ? 'blocked-user' : undefined;
}

/** Calls a function with a value as soon as that is known: at once, if possible. */
function whenKnown<T, R>(value: MaybePromise<T>, use: (value: T) => R): MaybePromise<R> {
  return value instanceof Promise ? value.then(use) : use(value);
}
