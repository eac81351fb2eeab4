import { DEVIATION_STEPS, WINDOW_STEPS } from '../credential/otp.js';
import { isBeforeHorizon } from './horizon.js';
import type { Claim, ReplayRecord, Use } from './replay-record.js';
import { StepRanges } from './step-ranges.js';

/**
 * For how many steps after its own a credential is remembered. One more than it is valid would do, were it not that two
 * steps near each other can have the same OTP by chance: then it is valid on, without a break, as one of the later step.
 */
export const REMEMBERED_STEPS: number = DEVIATION_STEPS + WINDOW_STEPS;

/**
 * The record of used credentials in this process's memory. It holds those of the last few time steps and no more, and
 * ends with the process.
 */
export class MemoryRecord implements ReplayRecord {
  readonly #idsByStep = new Map<number, Set<string>>();
  // What was forgotten must not become good again when the clock is set back.
  readonly #forgotten = new StepRanges();
  readonly #horizon: () => number;
  #oldest = Number.NaN;

  /**
   * @param horizon says the instant before which tokens could have been used, and are refused: the start of the process, in
   *   milliseconds since the Unix epoch. Left out, those of the last seconds before it can be used again.
   */
  constructor(horizon: () => number = () => Number.NEGATIVE_INFINITY) {
    this.#horizon = horizon;
  }

  /** How many credentials are remembered. */
  get size(): number {
    return [...this.#idsByStep.values()].reduce((sum, ids) => sum + ids.size, 0);
  }

  // Nothing is awaited between the look-up and the entry: no other claim can come between them.
  claim(use: Use, currentStep: number): Promise<Claim> {
    this.#forgetBefore(currentStep - REMEMBERED_STEPS);
    return Promise.resolve(this.#claim(use));
  }

  forget({ id, step }: Use): Promise<void> {
    this.#idsByStep.get(step)?.delete(id);
    return Promise.resolve();
  }

  count(): Promise<number> {
    return Promise.resolve(this.size);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #claim({ id, step }: Use): Claim {
    if (isBeforeHorizon(step, this.#horizon()) || this.#forgotten.has(step)) return 'before-horizon';
    const ids = this.#idsOf(step);
    if (ids.has(id)) return 'replayed';
    ids.add(id);
    return 'claimed';
  }

  #idsOf(step: number): Set<string> {
    let ids = this.#idsByStep.get(step);
    if (ids === undefined) {
      ids = new Set();
      this.#idsByStep.set(step, ids);
    }
    return ids;
  }

  #forgetBefore(oldest: number): void {
    if (this.#oldest === oldest) return;
    this.#oldest = oldest;
    for (const step of this.#idsByStep.keys()) {
      if (step >= oldest) continue;
      this.#idsByStep.delete(step);
      this.#forgotten.add(step);
    }
    this.#forgotten.simplify(oldest);
  }
}
