/** What `xtokend revoke` has recorded last about a user. */
export interface Revocation {
  /** The bare JID. */
  readonly jid: string;
  /** When the user was revoked, in milliseconds since the Unix epoch. */
  readonly revokedAt: number;
  /** Whether that still applies: not after `--undo`. */
  readonly isBlocked: boolean;
}

const REVOCABLE = /^[^\p{C}\p{Z}@]+@[^\p{C}\p{Z}@]+$/u;

/** Returns whether a stored text can be a bare JID, and can be printed on a terminal. */
export function isRevocable(jid: string): boolean {
  return REVOCABLE.test(jid);
}

/** All revocations, and a text that differs after each change of them. */
export interface RevocationSnapshot {
  readonly revision: string;
  /** The last one of a user applies. */
  readonly revocations: readonly Revocation[];
}

/** Where revocations are stored, for all processes that use the store. */
export interface RevocationStore {
  /**
   * Reads the revocations.
   *
   * @param revision that of the previous snapshot
   * @returns `undefined` if nothing has changed since
   * @throws if the store can't be used
   */
  read(revision: string | undefined): Promise<RevocationSnapshot | undefined>;
  /** Adds a revocation. @throws if the store can't be used */
  add(revocation: Revocation): Promise<void>;
  close(): Promise<void>;
}

/** A value that is often known at once: awaiting it would cost a tenth of a request. */
export type MaybePromise<T> = T | Promise<T>;

/** The revocations, as a user policy needs them. Never throws. */
export interface KnownRevocations {
  /** Returns `'replay-cache-unavailable'` if they have not been read yet, and the store can't be used. */
  of(user: string, host: string): MaybePromise<Revocation | undefined | 'replay-cache-unavailable'>;
  /** Reads the store, and returns a text that differs after each change. */
  version(): Promise<string>;
}
