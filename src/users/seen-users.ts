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

/** The users who have logged in before, as a user policy needs them. Never throws. */
export interface KnownUsers {
  /** Returns `'replay-cache-unavailable'` if the store can't be used: the same store holds the replay cache, and needs the same fix. */
  has(user: string, host: string): Promise<boolean | 'replay-cache-unavailable'>;
  add(user: string, host: string): Promise<void>;
  list(host: string, after: string | undefined): Promise<UserPage | 'replay-cache-unavailable'>;
}
