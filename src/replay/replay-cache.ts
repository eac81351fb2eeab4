/** The use of a token. */
export interface TokenUse {
  /** Identifies the token: the 32 bytes of its signature (HMAC-SHA-256), a character each. */
  readonly id: string;
  /** The time step of the token's OTP (RFC 6238): the same whenever the token arrives. */
  readonly timeStep: number;
}

/** The result of {@link ReplayCache.consume}. A login succeeds only with `'consumed'`. */
export type ConsumeResult =
  /** The token was not used before. It is used now. */
  | 'consumed'
  /** The token was used before. */
  | 'replayed'
  /** The token is from before the cache epoch, so whether it was used is unknown. */
  | 'replay-unknown'
  /** The replay cache can't be used. */
  | 'replay-cache-unavailable';

/**
 * Remembers used tokens: each can be consumed at most once while its OTP can be valid. Only tokens with a valid signature are
 * passed to it, so that nobody without the secret can fill it.
 */
export interface ReplayCache {
  /**
   * Consumes a token: looks it up and enters it atomically.
   *
   * @param currentTimeStep the time step of the present; entries that can't be valid any more are pruned
   * @throws if the replay cache can't be used; the token must then be refused
   */
  consume(use: TokenUse, currentTimeStep: number): Promise<ConsumeResult>;

  /**
   * Returns the number of entries. Missing if counting is expensive or delays logins.
   *
   * @throws if the entries can't be counted
   */
  count?(): Promise<number>;

  /** Closes the replay cache. Resolves when no operation is in progress any more. */
  close(): Promise<void>;
}
