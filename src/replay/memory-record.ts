import { DEVIATION_STEPS } from '../credential/otp.js';
import type { Claim, ReplayRecord, Use } from './replay-record.js';

/**
 * The record of used credentials in this process's memory. It holds the credentials of the steps that are still
 * valid and no more; it ends with the process.
 */
export class MemoryRecord implements ReplayRecord {
  readonly #idsByStep = new Map<number, Set<string>>();
  // What was forgotten must not become good again when the clock is set back, so the newest forgotten step is kept.
  #forgottenThrough = Number.NEGATIVE_INFINITY;

  /** How many credentials are remembered. */
  get size(): number {
    return [...this.#idsByStep.values()].reduce((sum, ids) => sum + ids.size, 0);
  }

  // Nothing is awaited between the look-up and the entry: no other claim can come between them.
  claim(use: Use, currentStep: number): Promise<Claim> {
    this.#forgetBefore(currentStep - DEVIATION_STEPS);
    return Promise.resolve(this.#claim(use));
  }

  #claim({ id, step }: Use): Claim {
    if (step <= this.#forgottenThrough) return 'before-horizon';
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
    for (const step of this.#idsByStep.keys()) {
      if (step >= oldest) continue;
      this.#idsByStep.delete(step);
      this.#forgottenThrough = Math.max(this.#forgottenThrough, step);
    }
  }
}
