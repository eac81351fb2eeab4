/**
 * Counts things by labels, one below the other. Plain maps, because this is done for each request: a counter of prom-client
 * takes ten times as long.
 */
export class Counts {
  #count = 0;
  readonly #below = new Map<string, Counts>();

  /** The counts below a label; 0 where nothing was counted yet. */
  at(label: string): Counts {
    let counts = this.#below.get(label);
    if (counts === undefined) {
      counts = new Counts();
      this.#below.set(label, counts);
    }
    return counts;
  }

  add(): void {
    this.#count += 1;
  }

  /** Forgets what was counted below all labels but some. */
  keepOnly(labels: ReadonlySet<string>): void {
    for (const label of this.#below.keys()) if (!labels.has(label)) this.#below.delete(label);
  }

  /** @returns what was counted, each with its labels from the top */
  rows(): { readonly labels: readonly string[]; readonly count: number }[] {
    if (this.#below.size === 0) return [{ labels: [], count: this.#count }];
    return [...this.#below].flatMap(([label, counts]) =>
      counts.rows().map(({ labels, count }) => ({ labels: [label, ...labels], count })),
    );
  }
}
