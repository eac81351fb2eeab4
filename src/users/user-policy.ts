import type { KnownUsers } from './seen-users.js';
import type { UserList } from './user-list.js';

/** Why a user with a valid token can't log in. */
export type UserRefusal =
  /** The user is on the list of blocked users. */
  | 'blocked-user'
  /** The user is not on the list of users, which also restricts logins. */
  | 'unlisted-user';

/** Decides who is a user of a host. */
export interface UserPolicy {
  /** Returns `'replay-cache-unavailable'` if the store of seen users can't be used. */
  isUser(user: string, host: string): Promise<boolean | 'replay-cache-unavailable'>;
  /** Returns why a user can't log in, or `undefined`. */
  refusalOf(user: string, host: string): Promise<UserRefusal | undefined>;
  /** Records a login. Never throws, and returns before it is stored. */
  recordLogin(user: string, host: string): void;
}

/** Options of {@link createUserPolicy}. */
export interface UserPolicyOptions {
  readonly users: 'any' | UserList | KnownUsers;
  /** The list that also restricts logins. */
  readonly allowed: UserList | undefined;
  readonly blocked: UserList | undefined;
  /** Called if a login can't be recorded. */
  readonly onWarning: (error: unknown) => void;
}

/** Creates the policy of a host from its lists. */
export function createUserPolicy({ users, allowed, blocked, onWarning }: UserPolicyOptions): UserPolicy {
  return {
    isUser: async (user, host) => {
      if (blocked !== undefined && (await blocked.has(user, host))) return false;
      return users === 'any' || users.has(user, host);
    },
    refusalOf: async (user, host) => {
      if (blocked !== undefined && (await blocked.has(user, host))) return 'blocked-user';
      if (allowed !== undefined && !(await allowed.has(user, host))) return 'unlisted-user';
      return undefined;
    },
    recordLogin: (user, host) => {
      if (users !== 'any' && 'add' in users) users.add(user, host).catch(onWarning);
    },
  };
}
