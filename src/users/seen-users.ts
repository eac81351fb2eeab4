/** Those who have logged in before. */
export interface SeenUsers {
  /** @throws where it cannot be told */
  has(user: string, host: string): Promise<boolean>;
  /** @throws where it cannot be remembered */
  add(user: string, host: string): Promise<void>;
  close(): Promise<void>;
}
