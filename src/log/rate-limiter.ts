/** How many lines of a kind are admitted in a window; the others are counted. */
export interface RateLimiterOptions {
  readonly limit: number;
  readonly windowMilliseconds: number;
}

/** The lines of a kind that one window suppressed. */
export interface Suppressed<Context> {
  readonly context: Context;
  readonly count: number;
  /** The length of the window. */
  readonly milliseconds: number;
}

interface Window<Context> {
  readonly context: Context;
  readonly openedAt: number;
  admitted: number;
  suppressed: number;
}

/**
 * Admits the first lines of each kind and counts the others, so that nobody can fill a disk with them. The first line of a kind
 * opens its window. Times are monotonic milliseconds.
 */
export class RateLimiter<Context> {
  readonly #options: RateLimiterOptions;
  readonly #windows = new Map<string, Window<Context>>();

  constructor(options: RateLimiterOptions) {
    this.#options = options;
  }

  /**
   * Counts a line. The number of kinds must be bounded, since each has a window.
   *
   * @param context returned with the count of the kind
   * @returns whether to write the line
   */
  admits(kind: string, context: Context, now: number): boolean {
    let window = this.#windows.get(kind);
    if (window === undefined) {
      window = { context, openedAt: now, admitted: 0, suppressed: 0 };
      this.#windows.set(kind, window);
    }
    const isAdmitted = window.admitted < this.#options.limit;
    if (isAdmitted) window.admitted += 1;
    else window.suppressed += 1;
    return isAdmitted;
  }

  /** Whether there are suppressed lines that were not taken yet. */
  get hasSuppressed(): boolean {
    return [...this.#windows.values()].some(({ suppressed }) => suppressed > 0);
  }

  /** Closes the windows that have ended. @returns what they suppressed */
  takeEnded(now: number): Suppressed<Context>[] {
    return this.#take(now, this.#options.windowMilliseconds);
  }

  /** Closes all windows. @returns what they suppressed */
  takeAll(now: number): Suppressed<Context>[] {
    return this.#take(now, 0);
  }

  #take(now: number, minimumAge: number): Suppressed<Context>[] {
    const taken: Suppressed<Context>[] = [];
    for (const [kind, { context, openedAt, suppressed }] of this.#windows) {
      if (now - openedAt < minimumAge) continue;
      this.#windows.delete(kind);
      if (suppressed > 0) taken.push({ context, count: suppressed, milliseconds: now - openedAt });
    }
    return taken;
  }
}
