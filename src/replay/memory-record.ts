import { DEVIATION_STEPS } from '../credential/otp.js';
import type { Claim, ReplayRecord, Use } from './replay-record.js';
import { StepRanges } from './step-ranges.js';

/**
 * For how many steps after its own a credential is remembered. One more than it is valid would do, were it not that two
 * neighbouring steps can have the same OTP by chance: then it is valid on, without a break, as one of the later step.
 */
const REMEMBERED_STEPS = DEVIATION_STEPS + (2 * DEVIATION_STEPS + 1);

/**
 * The record of used credentials in this process's memory. It holds those of the last few time steps and no more, and
 * ends with the process.
 */
export class MemoryRecord implements ReplayRecord {
  readonly #idsByStep = new Map<number, Set<string>>();
  // What was forgotten must not become good again when the clock is set back.
  readonly #forgotten = new StepRanges();

  /** How many credentials are remembered. */
  get size(): number {
    return [...this.#idsByStep.values()].reduce((sum, ids) => sum + ids.size, 0);
  }

  // Nothing is awaited between the look-up and the entry: no other claim can come between them.
  claim(use: Use, currentStep: number): Promise<Claim> {
    this.#forgetBefore(currentStep - REMEMBERED_STEPS);
    return Promise.resolve(this.#claim(use));
  }

  #claim({ id, step }: Use): Claim {
    if (this.#forgotten.has(step)) return 'before-horizon';
    const isKnown = [...this.#idsByStep.values()].some((ids) => ids.has(id));
    // Entered again where it is known from another step: it is remembered as long as it can be valid.
    this.#idsOf(step).add(id);
    return isKnown ? 'replayed' : 'claimed';
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
    for (const step of this.#idsByStep.keys()) {
      if (step >= oldest) continue;
      this.#idsByStep.delete(step);
      this.#forgotten.add(step);
    }
  }
}
