/** A credential that is about to be used. */
export interface Use {
  /** What tells it from every other credential: the signature's bytes as a string. */
  readonly id: string;
  /** The time step that its OTP belongs to (RFC 6238): the same, whenever it comes. */
  readonly step: number;
}

/** What came of a claim. Only `'claimed'` lets anyone in. */
export type Claim =
  /** It was never used before, and is used now. */
  | 'claimed'
  /** It was used before. */
  | 'replayed'
  /** It is from a time that the record does not reach back to: whether it was used cannot be told. */
  | 'before-horizon'
  /** The record cannot be asked. */
  | 'record-unavailable';

/**
 * The record of used credentials: each can be claimed at most once while its OTP can be valid. Only
 * credentials whose signature was found right are ever offered, so that nobody without the secret fills it.
 */
export interface ReplayRecord {
  /**
   * Claims a credential: looks it up and enters it as one indivisible act.
   *
   * @param use the credential
   * @param currentStep the time step of the present; what no longer can be valid then is forgotten
   * @throws where the record cannot be asked; the credential must then be refused
   */
  claim(use: Use, currentStep: number): Promise<Claim>;

  /** Takes back the claim of a made-up credential. Never of a real one: it could be used again. */
  forget(use: Use): Promise<void>;

  /**
   * Counts what is remembered, where that is cheap and keeps no claim waiting.
   *
   * @throws where it cannot be counted
   */
  count?(): Promise<number>;

  /** Lets go of what is behind the record. @returns when nothing is being done with it any more */
  close(): Promise<void>;
}
