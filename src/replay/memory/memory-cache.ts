import { DEVIATION_STEPS, WINDOW_TIME_STEPS } from '../../credential/otp.js';
import { isBeforeEpoch } from '../cache-epoch.js';
import type { ConsumeResult, ReplayCache, TokenUse } from '../replay-cache.js';
import { StepRanges } from '../directory/step-ranges.js';

/**
 * For how many steps after its own a credential is remembered. One more than it is valid would do, were it not that two
 * steps near each other can have the same OTP by chance: then it is valid on, without a break, as one of the later step.
 */
export const RETAINED_TIME_STEPS: number = DEVIATION_STEPS + WINDOW_TIME_STEPS;

/**
 * The record of used credentials in this process's memory. It holds those of the last few time steps and no more, and
 * ends with the process.
 */
export class MemoryReplayCache implements ReplayCache {
  readonly #idsByStep = new Map<number, Set<string>>();
  // What was forgotten must not become good again when the clock is set back.
  readonly #forgotten = new StepRanges();
  readonly #horizon: () => number;
  #oldest = Number.NaN;

  /**
   * @param cacheEpoch says the instant before which tokens could have been used, and are refused: the start of the process, in
   *   milliseconds since the Unix epoch. Left out, those of the last seconds before it can be used again.
   */
  constructor(cacheEpoch: () => number = () => Number.NEGATIVE_INFINITY) {
    this.#horizon = cacheEpoch;
  }

  /** How many credentials are remembered. */
  get size(): number {
    return [...this.#idsByStep.values()].reduce((sum, ids) => sum + ids.size, 0);
  }

  // Nothing is awaited between the look-up and the entry: no other claim can come between them.
  consume(use: TokenUse, currentTimeStep: number): Promise<ConsumeResult> {
    this.#forgetBefore(currentTimeStep - RETAINED_TIME_STEPS);
    return Promise.resolve(this.#claim(use));
  }

  release({ id, timeStep }: TokenUse): Promise<void> {
    this.#idsByStep.get(timeStep)?.delete(id);
    return Promise.resolve();
  }

  count(): Promise<number> {
    return Promise.resolve(this.size);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #claim({ id, timeStep }: TokenUse): ConsumeResult {
    if (isBeforeEpoch(timeStep, this.#horizon()) || this.#forgotten.has(timeStep)) return 'replay-unknown';
    const ids = this.#idsOf(timeStep);
    if (ids.has(id)) return 'replayed';
    ids.add(id);
    return 'consumed';
  }

  #idsOf(timeStep: number): Set<string> {
    let ids = this.#idsByStep.get(timeStep);
    if (ids === undefined) {
      ids = new Set();
      this.#idsByStep.set(timeStep, ids);
    }
    return ids;
  }

  #forgetBefore(oldest: number): void {
    if (this.#oldest === oldest) return;
    this.#oldest = oldest;
    for (const timeStep of this.#idsByStep.keys()) {
      if (timeStep >= oldest) continue;
      this.#idsByStep.delete(timeStep);
      this.#forgotten.add(timeStep);
    }
    this.#forgotten.simplify(oldest);
  }
}
