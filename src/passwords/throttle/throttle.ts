import { createHmac, randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { messageOf } from '../../errors.js';
import type { ThrottleSettings } from '../settings.js';
import type { Attempt, AttemptCounters, Bucket, CountedAttempt, LimitName } from './attempt-counters.js';
import { networkOf } from './client-network.js';
import { MemoryCounters } from './memory-counters.js';

/** How long shared counters that failed are not asked, so that an outage doesn't delay each login. */
const RETRY_MILLISECONDS = 5000;
/** 65,536 buckets: with 1,000 guessed names in a window, a user shares the bucket of one of them with a probability of 1.5%. */
const BUCKET_DIGITS = 4;
const SECRET_BYTES = 32;

/** Options of {@link createThrottle}. */
export interface ThrottleOptions {
  /** Counters of several processes, which the caller closes. Without them, this process counts for itself. */
  readonly shared?: {
    readonly counters: AttemptCounters;
    /** Keys the hashes of names and addresses; the same in all processes. */
    readonly secret: string;
  };
  /** Called when the shared counters fail, and when they work again. */
  readonly onWarning: (message: string) => void;
}

/** An attempt that may go on. At most one of its methods is called; after a wrong password none. Neither waits nor throws. */
export interface Admission {
  /** The password was right: the attempt does not count, and the address becomes known for this user. */
  succeeded(): void;
  /** No back end could check the password, so the attempt does not count. */
  release(): void;
}

/** Limits wrong passwords. */
export interface Throttle {
  /**
   * Counts an attempt before its password is checked, so that concurrent attempts can't exceed the limits. Never throws.
   *
   * @param jid the bare JID, in normalized form
   * @param client the IP address of the client; `undefined` if the server sends none, which leaves the limit of the user only
   * @returns `undefined` if a limit is reached
   */
  admit(jid: string, client: string | undefined): Promise<Admission | undefined>;
  /** Removes the counters of this process. Call it when another throttle replaces this one. */
  close(): Promise<void>;
}

/**
 * Returns a throttle with counters of its own.
 *
 * @throws {RangeError} if the window is longer than 24.8 days
 */
export function createThrottle(settings: ThrottleSettings, options: ThrottleOptions): Throttle {
  return new AttemptThrottle(settings, options);
}

class AttemptThrottle implements Throttle {
  readonly #settings: ThrottleSettings;
  readonly #options: ThrottleOptions;
  readonly #secret: string | Buffer;
  readonly #memory: MemoryCounters;
  /** Whether the shared counters failed last. */
  #isDown = false;
  #retryAt = 0;

  constructor(settings: ThrottleSettings, options: ThrottleOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#secret = options.shared?.secret ?? randomBytes(SECRET_BYTES);
    this.#memory = new MemoryCounters(settings);
  }

  async admit(jid: string, client: string | undefined): Promise<Admission | undefined> {
    const attempt = this.#attemptOf(jid, client);
    const shared = this.#options.shared?.counters;
    if (shared !== undefined && performance.now() >= this.#retryAt) {
      try {
        const counted = await shared.count(attempt);
        this.#recovered();
        return counted && this.#admissionOf(counted, shared);
      } catch (error) {
        this.#failed(error);
      }
    }
    const counted = await this.#memory.count(attempt);
    return counted && this.#admissionOf(counted, undefined);
  }

  close(): Promise<void> {
    return this.#memory.close();
  }

  #admissionOf(counted: CountedAttempt, shared: AttemptCounters | undefined): Admission {
    const settle = (isKnown: boolean): void => {
      // What the shared counters know, this process knows in an outage as well.
      const own = shared === undefined ? counted : { ...counted, ends: [] };
      void this.#memory.release(own, isKnown);
      shared?.release(counted, isKnown).catch((error: unknown) => {
        this.#failed(error);
      });
    };
    return {
      succeeded: () => {
        settle(true);
      },
      release: () => {
        settle(false);
      },
    };
  }

  #attemptOf(jid: string, client: string | undefined): Attempt {
    const user = this.#bucketOf('user', jid);
    if (client === undefined) return { limits: this.#settings, buckets: [user], login: undefined };
    const network = networkOf(client);
    // A JID can't contain a line break.
    const pair = `${network}\n${jid}`;
    const [fromAddress, address] = [
      this.#bucketOf('userFromAddress', pair),
      this.#bucketOf('address', network),
    ];
    // A full hash: only right passwords make a login known, so they are not many.
    return {
      limits: this.#settings,
      buckets: [fromAddress, address, user],
      login: this.#digestOf('login', pair),
    };
  }

  /** The key of the hash keeps attackers from choosing an address that shares the bucket of another. */
  #bucketOf(limit: LimitName, text: string): Bucket {
    return { limit, name: this.#digestOf(limit, text).slice(0, BUCKET_DIGITS) };
  }

  #digestOf(purpose: string, text: string): string {
    return createHmac('sha256', this.#secret).update(`${purpose}\n${text}`).digest('hex');
  }

  #failed(error: unknown): void {
    this.#retryAt = performance.now() + RETRY_MILLISECONDS;
    if (this.#isDown) return;
    this.#isDown = true;
    this.#options.onWarning(
      `limits of wrong passwords are not shared, each process counts for itself: ${messageOf(error)}`,
    );
  }

  #recovered(): void {
    if (!this.#isDown || performance.now() < this.#retryAt) return;
    this.#isDown = false;
    this.#options.onWarning('limits of wrong passwords are shared again');
  }
}
