/** The users who have logged in before. */
export interface SeenUsers {
  /** @throws if the store can't be used */
  has(user: string, host: string): Promise<boolean>;
  /** @throws if the store can't be used */
  add(user: string, host: string): Promise<void>;
  close(): Promise<void>;
}

/** The users who have logged in before, as a user policy needs them. Never throws. */
export interface KnownUsers {
  /** Returns `'replay-cache-unavailable'` if the store can't be used: the same store holds the replay cache, and needs the same fix. */
  has(user: string, host: string): Promise<boolean | 'replay-cache-unavailable'>;
  add(user: string, host: string): Promise<void>;
}
