import { isBeforeEpoch, RETAINED_TIME_STEPS } from '../cache-epoch.js';
import type { ConsumeResult, ReplayCache, TokenUse } from '../replay-cache.js';
import { TimeStepRanges } from '../time-step-ranges.js';

/** Keeps the used tokens of the last few time steps in this process's memory. */
export class MemoryReplayCache implements ReplayCache {
  readonly #idsByTimeStep = new Map<number, Set<string>>();
  // A pruned token must not be accepted again when the clock is set back.
  readonly #pruned = new TimeStepRanges();
  readonly #cacheEpoch: () => number;
  #currentTimeStep = Number.NaN;

  /**
   * @param cacheEpoch returns the start of the process, in milliseconds since the Unix epoch; tokens that could have been used
   *   before are refused. Without it, tokens used shortly before the start can be used again.
   */
  constructor(cacheEpoch: () => number = () => Number.NEGATIVE_INFINITY) {
    this.#cacheEpoch = cacheEpoch;
  }

  /** The number of entries. */
  get size(): number {
    return [...this.#idsByTimeStep.values()].reduce((sum, ids) => sum + ids.size, 0);
  }

  // Nothing is awaited between the look-up and the entry, so that the two are atomic.
  consume({ id, timeStep }: TokenUse, currentTimeStep: number): Promise<ConsumeResult> {
    this.#prune(currentTimeStep);
    return Promise.resolve(this.#consume(id, timeStep));
  }

  count(): Promise<number> {
    return Promise.resolve(this.size);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #consume(id: string, timeStep: number): ConsumeResult {
    if (isBeforeEpoch(timeStep, this.#cacheEpoch()) || this.#pruned.has(timeStep)) return 'replay-unknown';
    const ids = this.#idsByTimeStep.get(timeStep) ?? new Set();
    this.#idsByTimeStep.set(timeStep, ids);
    if (ids.has(id)) return 'replayed';
    ids.add(id);
    return 'consumed';
  }

  #prune(currentTimeStep: number): void {
    if (this.#currentTimeStep === currentTimeStep) return;
    this.#currentTimeStep = currentTimeStep;
    for (const timeStep of this.#idsByTimeStep.keys()) {
      if (timeStep >= currentTimeStep - RETAINED_TIME_STEPS) continue;
      this.#idsByTimeStep.delete(timeStep);
      this.#pruned.add(timeStep);
    }
    this.#pruned.simplify(currentTimeStep);
  }
}
