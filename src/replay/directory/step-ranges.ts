/** From one time step to another, both included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** @returns whether a step is in one of some ranges */
export function covers(ranges: readonly Range[], timeStep: number): boolean {
  return ranges.some(({ from, to }) => from <= timeStep && timeStep <= to);
}

/** So few can be looked through, and read from a directory, for every login. */
const MAX_RANGES = 64;

/** A set of time steps, kept as ranges that do not touch. */
export class StepRanges {
  readonly #ranges: Range[] = [];

  /** The ranges, the earliest first. */
  get ranges(): readonly Range[] {
    return this.#ranges;
  }

  has(timeStep: number): boolean {
    return covers(this.#ranges, timeStep);
  }

  /** Adds the steps from one to another, both included. */
  add(from: number, to: number = from): void {
    // Those that overlap or touch become one with it.
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
   * Sees to it that there are few ranges: those nearest to each other become one with what lies between them. Then more
   * is in the set than was added, close to it, and never less; but never the present, whatever the clock was before.
   */
  simplify(present: number): void {
    while (this.#ranges.length > MAX_RANGES) {
      const pairs = this.#ranges.slice(1).map(({ from, to }, index) => {
        const before = this.#ranges[index]?.to ?? from;
        return { to, from: before, gap: before < present && present < from ? Infinity : from - before };
      });
      const nearest = pairs.reduce((best, pair) => (pair.gap < best.gap ? pair : best));
      this.add(nearest.from, nearest.to);
    }
  }
}
