import type { RateLimiterRes } from 'rate-limiter-flexible';
// The index of the package would load the clients of all its stores.
import RateLimiterMemory from 'rate-limiter-flexible/lib/RateLimiterMemory.js';
import type { ThrottleSettings } from '../settings.js';
import {
  KNOWN_MILLISECONDS,
  type Attempt,
  type AttemptCounters,
  type Bucket,
  type CountedAttempt,
  type LimitName,
} from './attempt-counters.js';

/** Timers of Node.js can't be longer, in milliseconds. */
const MAX_WINDOW = 2 ** 31 - 1;

type Limiter = InstanceType<typeof RateLimiterMemory>;

/** Counts attempts in the memory of this process. Its timers don't keep the process alive. */
export class MemoryCounters implements AttemptCounters {
  readonly #limiters: Readonly<Record<LimitName, Limiter>>;
  /** Logins from addresses that are known for their users. */
  readonly #known: Limiter = new RateLimiterMemory({
    keyPrefix: '',
    points: 1,
    duration: KNOWN_MILLISECONDS / 1000,
  });

  /** @throws {RangeError} if the window is longer than timers can be: the counters would start again at once */
  constructor({ window, ...limits }: ThrottleSettings) {
    if (!(window > 0 && window <= MAX_WINDOW)) {
      throw new RangeError(`expected a window of at most ${MAX_WINDOW} ms, got ${window}`);
    }
    const limiterOf = (points: number): Limiter =>
      new RateLimiterMemory({ keyPrefix: '', points, duration: window / 1000 });
    this.#limiters = {
      userFromAddress: limiterOf(limits.userFromAddress),
      address: limiterOf(limits.address),
      user: limiterOf(limits.user),
    };
  }

  /** The number of counters and known logins. */
  get size(): number {
    return this.#all().reduce((size, limiter) => size + limiter.dump().storage.length, 0);
  }

  async count(attempt: Attempt): Promise<CountedAttempt | undefined> {
    const isKnown = attempt.login !== undefined && (await this.#known.get(attempt.login)) !== null;
    const ends: number[] = [];
    for (const bucket of attempt.buckets.filter(({ limit }) => !(isKnown && limit === 'user'))) {
      const { isBelowLimit, end } = await this.#consume(bucket);
      ends.push(end);
      if (!isBelowLimit) {
        // The library counts refused attempts as well.
        await this.release({ attempt, ends }, false);
        return undefined;
      }
    }
    return { attempt, ends };
  }

  async release({ attempt, ends }: CountedAttempt, isKnown: boolean): Promise<void> {
    for (const [index, end] of ends.entries()) {
      const bucket = attempt.buckets[index];
      if (bucket === undefined || Date.now() >= end) continue;
      const limiter = this.#limiters[bucket.limit];
      // Without a counter, this would start a window with -1.
      if ((await limiter.get(bucket.name)) !== null) await limiter.reward(bucket.name);
    }
    if (isKnown && attempt.login !== undefined) {
      await this.#known.set(attempt.login, 1, KNOWN_MILLISECONDS / 1000);
    }
  }

  /** Removes all counters: until their timers expire, the timers would keep them in memory. */
  async close(): Promise<void> {
    for (const limiter of this.#all()) {
      for (const { key } of limiter.dump().storage) await limiter.delete(key);
    }
  }

  #all(): Limiter[] {
    return [...Object.values(this.#limiters), this.#known];
  }

  async #consume({ limit, name }: Bucket): Promise<{ isBelowLimit: boolean; end: number }> {
    try {
      const { msBeforeNext } = await this.#limiters[limit].consume(name);
      return { isBelowLimit: true, end: Date.now() + msBeforeNext };
    } catch (error) {
      const { msBeforeNext } = error as RateLimiterRes;
      return { isBelowLimit: false, end: Date.now() + msBeforeNext };
    }
  }
}
