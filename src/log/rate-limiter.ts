/** How many lines of a kind are admitted in a window; the others are counted. */
export interface RateLimiterOptions {
  readonly limit: number;
  readonly windowMilliseconds: number;
}

/** The lines of a kind that one window suppressed. */
export interface Suppressed<Line> {
  readonly first: Line;
  readonly count: number;
  /** The length of the window. */
  readonly milliseconds: number;
}

interface Window<Line> {
  readonly first: Line;
  readonly openedAt: number;
  admitted: number;
  suppressed: number;
}

/**
 * Admits the first lines of each kind and counts the others, so that nobody can fill a disk with them. The first line of a kind
 * opens its window. Times are monotonic milliseconds.
 */
export class RateLimiter<Line> {
  readonly #options: RateLimiterOptions;
  readonly #windows = new Map<string, Window<Line>>();

  constructor(options: RateLimiterOptions) {
    this.#options = options;
  }

  /**
   * Counts a line. The number of kinds must be bounded, since each has a window.
   *
   * @param first what represents the kind if this line opens its window
   * @returns whether to write the line
   */
  admits(kind: string, first: Line, now: number): boolean {
    let window = this.#windows.get(kind);
    if (window === undefined) {
      window = { first, openedAt: now, admitted: 0, suppressed: 0 };
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
  takeEnded(now: number): Suppressed<Line>[] {
    return this.#take(now, this.#options.windowMilliseconds);
  }

  /** Closes all windows. @returns what they suppressed */
  takeAll(now: number): Suppressed<Line>[] {
    return this.#take(now, 0);
  }

  #take(now: number, minimumAge: number): Suppressed<Line>[] {
    const taken: Suppressed<Line>[] = [];
    for (const [kind, { first, openedAt, suppressed }] of this.#windows) {
      if (now - openedAt < minimumAge) continue;
      this.#windows.delete(kind);
      if (suppressed > 0) taken.push({ first, count: suppressed, milliseconds: now - openedAt });
    }
    return taken;
  }
}
