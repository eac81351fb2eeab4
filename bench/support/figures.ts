/** @returns the value in the middle; that of a half of them lies between two */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2)];
  return ((sorted[low] ?? Number.NaN) + (sorted[high] ?? Number.NaN)) / 2;
}

/** @returns `median (least–most)`, or a dash where too little was measured to say anything */
export function spread(values: readonly number[], digits: number): string {
  if (values.length === 0 || !values.every(Number.isFinite)) return '–';
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)];
  return `${format(middle, digits)} (${format(least, digits)}–${format(most, digits)})`;
}

/** @returns each value beside that of the same round, as the machine's other work comes and goes */
export function ratios(ours: readonly number[], others: readonly number[]): number[] {
  return ours.map((value, round) => value / (others[round] ?? Number.NaN));
}

/** @returns each value above that of the same round */
export function differences(ours: readonly number[], others: readonly number[]): number[] {
  return ours.map((value, round) => value - (others[round] ?? Number.NaN));
}

/** What is said of many samples. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

/** @returns the percentiles of samples in nanoseconds, in microseconds */
export function percentiles(nanoseconds: Uint32Array): Percentiles {
  const sorted = nanoseconds.toSorted();
  const at = (share: number): number => atShare(sorted, share) / 1000;
  return { p50: at(0.5), p99: at(0.99), worst: at(1) };
}

/** @returns the value that a share of all values does not exceed */
export function percentileOf(values: readonly number[], share: number): number {
  return atShare(Float64Array.from(values).sort(), share);
}

function atShare(sorted: Uint32Array | Float64Array, share: number): number {
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
}

/** @returns whether a median keeps within a limit, in words */
export function verdictOn(values: readonly number[], limit: number): string {
  return median(values) <= limit ? 'holds' : 'missed';
}

/** @returns a number with commas between its thousands */
export function format(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
