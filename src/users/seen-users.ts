/** Those who have logged in before. */
export interface SeenUsers {
  /** @throws where it cannot be told */
  has(user: string, host: string): Promise<boolean>;
  /** @throws where it cannot be remembered */
  add(user: string, host: string): Promise<void>;
  close(): Promise<void>;
}

/** Those who have logged in before, as a policy asks for them. Never throws. */
export interface KnownUsers {
  /** @returns `'replay-cache-unavailable'` if that is unknown now */
  has(user: string, host: string): Promise<boolean | 'replay-cache-unavailable'>;
  add(user: string, host: string): Promise<void>;
}
