/**
 * Counts events by label values, as a tree with one level for each label. Uses plain maps, because each request is counted: a
 * counter of prom-client takes ten times as long, and is loaded only if metrics are configured.
 */
export class Counts {
  #count = 0;
  readonly #children = new Map<string, Counts>();

  /** Returns the counts of a label value; creates them, with 0, if they are missing. */
  at(label: string): Counts {
    let child = this.#children.get(label);
    if (child === undefined) {
      child = new Counts();
      this.#children.set(label, child);
    }
    return child;
  }

  add(): void {
    this.#count += 1;
  }

  /** Deletes the counts of all other label values. */
  keepOnly(labels: ReadonlySet<string>): void {
    for (const label of this.#children.keys()) if (!labels.has(label)) this.#children.delete(label);
  }

  /** Returns each count with its label values, from the top level down. */
  rows(): { readonly labels: readonly string[]; readonly count: number }[] {
    if (this.#children.size === 0) return [{ labels: [], count: this.#count }];
    return [...this.#children].flatMap(([label, child]) =>
      child.rows().map(({ labels, count }) => ({ labels: [label, ...labels], count })),
    );
  }
}

/** The upper bounds of the buckets, in seconds: from a decision without a store to the longest time until an answer. */
export const DURATION_BOUNDS: readonly number[] = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

/** Counts durations by bucket. */
export class Durations {
  readonly #buckets = new Float64Array(DURATION_BOUNDS.length + 1);
  /** The sum of all durations, in seconds. */
  sum = 0;

  add(milliseconds: number): void {
    const seconds = milliseconds / 1000;
    const bucket = DURATION_BOUNDS.findIndex((bound) => seconds <= bound);
    const index = bucket < 0 ? DURATION_BOUNDS.length : bucket;
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.sum += seconds;
  }

  /** Returns, for each bound, how many durations did not exceed it; the last number counts all. */
  cumulative(): number[] {
    let count = 0;
    return Array.from(this.#buckets, (inBucket) => (count += inBucket));
  }
}
