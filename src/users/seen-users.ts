import type { UserPage } from './user-page.js';

/** The users who have logged in before. */
export interface SeenUsers {
  /** @throws if the store can't be used */
  has(user: string, host: string): Promise<boolean>;
  /** @throws if the store can't be used */
  add(user: string, host: string): Promise<void>;
  /**
   * Lists a page of those of a host, which can be empty.
   *
   * @param after `next` of the page before
   * @throws if the store can't be used
   */
  list(host: string, after: string | undefined): Promise<UserPage>;
  close(): Promise<void>;
}

/**
 * Why nobody can tell who is a user. The same store holds the replay cache and the seen users, so that both have the same reason and need
 * the same fix.
 */
export type UsersUnavailable = 'replay-cache-unavailable' | 'password-backend-unavailable';

/** The users of a host, as a user policy needs them. Never throws. */
export interface UserDirectory {
  has(user: string, host: string): Promise<boolean | UsersUnavailable>;
  list(host: string, after: string | undefined): Promise<UserPage | 'no-user-list' | UsersUnavailable>;
}

/** The users who have logged in before, as a user policy needs them. Never throws. */
export interface KnownUsers extends UserDirectory {
  add(user: string, host: string): Promise<void>;
}
