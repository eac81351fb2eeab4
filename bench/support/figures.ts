/** Returns the middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2)];
  return ((sorted[low] ?? Number.NaN) + (sorted[high] ?? Number.NaN)) / 2;
}

/** Returns `median (minimum–maximum)`, or a dash if a value is not finite. */
export function spread(values: readonly number[], digits: number): string {
  if (values.length === 0 || !values.every(Number.isFinite)) return '–';
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)];
  return `${format(middle, digits)} (${format(least, digits)}–${format(most, digits)})`;
}

/** Divides each value by that of the same round, because the load on the machine changes from round to round. */
export function ratios(ours: readonly number[], others: readonly number[]): number[] {
  return ours.map((value, round) => value / (others[round] ?? Number.NaN));
}

/** Subtracts from each value that of the same round. */
export function differences(ours: readonly number[], others: readonly number[]): number[] {
  return ours.map((value, round) => value - (others[round] ?? Number.NaN));
}

/** Microseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

export function percentiles(nanoseconds: ArrayLike<number>): Percentiles {
  const sorted = Float64Array.from(nanoseconds).sort();
  const at = (share: number): number =>
    (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN) / 1000;
  return { p50: at(0.5), p99: at(0.99), worst: at(1) };
}

/** Returns whether the median meets an upper limit, as a cell of a table. */
export function target(values: readonly number[], limit: number): string {
  return `${limit}: ${median(values) <= limit ? 'met' : 'missed'}`;
}

export function format(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/**
 * Measures several items in turn, so that other load on the machine affects all of them. Reverses the order in every second
 * round, and discards a first round that only warms up.
 *
 * @returns the samples of each item, by round
 */
export async function inRounds<Item, Sample>(
  items: readonly Item[],
  rounds: number,
  measure: (item: Item) => Promise<Sample>,
): Promise<Sample[][]> {
  const samples: Sample[][] = items.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    const order = [...items.entries()];
    for (const [index, item] of round % 2 === 0 ? order : order.reverse()) {
      const sample = await measure(item);
      if (round > 0) samples[index]?.push(sample);
    }
  }
  return samples;
}

/** Returns a Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
