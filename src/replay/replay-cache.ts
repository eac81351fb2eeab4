/** A credential that is about to be used. */
export interface TokenUse {
  /** What tells it from every other credential: the signature's bytes as a string. */
  readonly id: string;
  /** The time step that its OTP belongs to (RFC 6238): the same, whenever it comes. */
  readonly timeStep: number;
}

/** What came of a claim. Only `'consumed'` lets anyone in. */
export type ConsumeResult =
  /** It was never used before, and is used now. */
  | 'consumed'
  /** It was used before. */
  | 'replayed'
  /** It is from a time that the record does not reach back to: whether it was used cannot be told. */
  | 'replay-unknown'
  /** The record cannot be asked. */
  | 'replay-cache-unavailable';

/**
 * The record of used credentials: each can be claimed at most once while its OTP can be valid. Only
 * credentials whose signature was found right are ever offered, so that nobody without the secret fills it.
 */
export interface ReplayCache {
  /**
   * Claims a credential: looks it up and enters it as one indivisible act.
   *
   * @param use the credential
   * @param currentTimeStep the time step of the present; what no longer can be valid then is forgotten
   * @throws where the record cannot be asked; the credential must then be refused
   */
  consume(use: TokenUse, currentTimeStep: number): Promise<ConsumeResult>;

  /** Takes back the claim of a made-up credential. Never of a real one: it could be used again. */
  release(use: TokenUse): Promise<void>;

  /**
   * Counts what is remembered, where that is cheap and keeps no claim waiting.
   *
   * @throws where it cannot be counted
   */
  count?(): Promise<number>;

  /** Lets go of what is behind the record. @returns when nothing is being done with it any more */
  close(): Promise<void>;
}
