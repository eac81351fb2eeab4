/** From one time step to another, both included. */
interface Range {
  from: number;
  to: number;
}

/** So many ranges are a whole day of logins in every other step at the least. */
const MAX_RANGES = 1500;

/**
 * A set of time steps, kept as ranges. Where there come to be too many, the two oldest become one with what lies between
 * them: it may hold more than was added, of times long past, and never less.
 */
export class StepRanges {
  readonly #ranges: Range[] = [];

  has(step: number): boolean {
    return this.#ranges.some(({ from, to }) => step >= from && step <= to);
  }

  add(step: number): void {
    if (this.has(step)) return;
    // Searched from the end: what is added is nearly always the newest.
    const before = this.#ranges.findLastIndex(({ to }) => to < step);
    this.#ranges.splice(before + 1, 0, { from: step, to: step });
    this.#join(before + 1);
    this.#join(before);
    if (this.#ranges.length > MAX_RANGES) this.#merge(0);
  }

  /** Makes one range of two that touch. */
  #join(index: number): void {
    const [first, second] = this.#ranges.slice(Math.max(index, 0));
    if (index >= 0 && first !== undefined && second?.from === first.to + 1) this.#merge(index);
  }

  #merge(index: number): void {
    const [first, second] = this.#ranges.slice(index, index + 2);
    if (first === undefined || second === undefined) return;
    this.#ranges.splice(index, 2, { from: first.from, to: second.to });
  }
}
