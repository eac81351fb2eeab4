/** The upper bounds of the buckets, in seconds: from a check without a store to the longest that anybody waits. */
export const DURATION_BOUNDS: readonly number[] = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

/** How long things took: how many fell into which bucket. */
export class Durations {
  readonly #buckets = new Float64Array(DURATION_BOUNDS.length + 1);
  #sum = 0;

  add(milliseconds: number): void {
    const seconds = milliseconds / 1000;
    let bucket = 0;
    while (seconds > (DURATION_BOUNDS[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#sum += seconds;
  }

  /** All of them together, in seconds. */
  get sum(): number {
    return this.#sum;
  }

  /** @returns how many took no longer than each bound; the last number is that of all */
  cumulative(): number[] {
    let count = 0;
    return [...this.#buckets].map((inBucket) => (count += inBucket));
  }
}
