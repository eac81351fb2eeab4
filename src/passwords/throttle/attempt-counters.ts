import type { ThrottleSettings } from '../settings.js';

export type LimitName = Exclude<keyof ThrottleSettings, 'window'>;

/** How long an address is known for a user after a login. */
export const KNOWN_MILLISECONDS: number = 7 * 24 * 3_600_000;

/** One of 65,536 counters of a limit. */
export interface Bucket {
  readonly limit: LimitName;
  /** Four hexadecimal digits. */
  readonly name: string;
}

/** An attempt to log in with a password. Names no user and no address, only keyed hashes of them. */
export interface Attempt {
  readonly limits: ThrottleSettings;
  /** In the order in which the limits are checked. That of the limit `user` is the last one. */
  readonly buckets: readonly Bucket[];
  /** Identifies the user and the address; `undefined` if the address is not known. */
  readonly login: string | undefined;
}

/** An attempt that was counted. */
export interface CountedAttempt {
  readonly attempt: Attempt;
  /** When the windows of its buckets end, in milliseconds of the clock of the counters. Lacks buckets that did not count it. */
  readonly ends: readonly number[];
}

/** Counts attempts to log in with a password. */
export interface AttemptCounters {
  /**
   * Counts an attempt in all of its buckets, or in none of them if a limit is reached. If the login is known, the limit `user` does not
   * apply. The window of a bucket starts with the first attempt in it.
   *
   * @returns `undefined` if a limit is reached
   * @throws if the counters can't be used; the attempt may be counted then
   */
  count(attempt: Attempt): Promise<CountedAttempt | undefined>;
  /**
   * Releases an attempt, in the windows that have not ended since.
   *
   * @param isKnown whether to make its login known
   * @throws if the counters can't be used
   */
  release(counted: CountedAttempt, isKnown: boolean): Promise<void>;
  /** Frees connections and timers. */
  close(): Promise<void>;
}
