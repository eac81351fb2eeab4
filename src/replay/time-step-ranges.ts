import { DEVIATION_STEPS } from '../credential/otp.js';

/** The time steps from one to another, both included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Returns whether one of some ranges holds a time step. */
export function covers(ranges: readonly Range[], timeStep: number): boolean {
  return ranges.some(({ from, to }) => from <= timeStep && timeStep <= to);
}

/** Few enough to read from a directory and search for every login. */
const MAX_RANGES = 64;

/** A set of time steps, kept as ranges that do not touch. */
export class TimeStepRanges {
  readonly #ranges: Range[] = [];

  /** The ranges, the earliest first. */
  get ranges(): readonly Range[] {
    return this.#ranges;
  }

  has(timeStep: number): boolean {
    return covers(this.#ranges, timeStep);
  }

  /** Adds the time steps from one to another, both included. */
  add(from: number, to: number = from): void {
    // Ranges that overlap or touch are merged.
    const first = this.#ranges.findIndex((range) => range.to >= from - 1);
    const start = first === -1 ? this.#ranges.length : first;
    const joined = this.#ranges.slice(start).filter((range) => range.from <= to + 1);
    const range = {
      from: Math.min(from, ...joined.map((other) => other.from)),
      to: Math.max(to, ...joined.map((other) => other.to)),
    };
    this.#ranges.splice(start, joined.length, range);
  }

  /**
   * Bounds the number of ranges: the earliest neighbours are merged, with the time steps between them. So the set may grow, but never
   * shrinks, and never comes to hold a time step that can be used now, whatever the clock was before.
   */
  simplify(currentTimeStep: number): void {
    while (this.#ranges.length > MAX_RANGES) {
      const gap = this.#ranges.findIndex(({ to }, index) => {
        const from = this.#ranges[index + 1]?.from ?? Infinity;
        return to > currentTimeStep + DEVIATION_STEPS || from < currentTimeStep - DEVIATION_STEPS;
      });
      const [before, after] = this.#ranges.slice(gap, gap + 2);
      if (before === undefined || after === undefined) return;
      this.add(before.from, after.to);
    }
  }
}
