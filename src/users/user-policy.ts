import type { KnownUsers } from './seen-users.js';
import type { UserList } from './user-list.js';

/** Why somebody with a good token is not let in. */
export type UserRefusal =
  /** On the list of those who are blocked. */
  | 'blocked-user'
  /** Not on the list of users, which is for logins, too. */
  | 'unlisted-user';

/** Who is a user of a host. */
export interface UserPolicy {
  /** @returns `'replay-cache-unavailable'` if that is unknown now */
  isUser(user: string, host: string): Promise<boolean | 'replay-cache-unavailable'>;
  /** @returns why a user cannot log in, or `undefined` */
  refusalOf(user: string, host: string): Promise<UserRefusal | undefined>;
  /** Is told that a user has just been let in. Never throws, and never waits. */
  recordLogin(user: string, host: string): void;
}

/** What a {@link createUserPolicy | policy} is made of. */
export interface UserPolicyOptions {
  readonly users: 'any' | UserList | KnownUsers;
  /** The list that decides on logins, too. */
  readonly allowed: UserList | undefined;
  readonly blocked: UserList | undefined;
  /** Is told what keeps a user from being remembered. */
  readonly onWarning: (error: unknown) => void;
}

/** @returns the policy that some lists make together */
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
