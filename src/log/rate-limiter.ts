/** How many lines of a kind are written in a window of time; the others are counted. */
export interface RateLimiterOptions {
  readonly limit: number;
  readonly windowMilliseconds: number;
}

/** What was held back in one window. */
export interface Suppressed<RequestContext> {
  readonly context: RequestContext;
  readonly count: number;
  /** How long the window was. */
  readonly milliseconds: number;
}

interface Window<RequestContext> {
  readonly context: RequestContext;
  readonly openedAt: number;
  admitted: number;
  suppressed: number;
}

/**
 * Lets the first lines of each kind through and counts the others, so that nobody can fill a disk with them. A window of a
 * kind opens with its first line. Times are milliseconds of a clock that only goes forward.
 */
export class RateLimiter<RequestContext> {
  readonly #options: RateLimiterOptions;
  readonly #windows = new Map<string, Window<RequestContext>>();

  constructor(options: RateLimiterOptions) {
    this.#options = options;
  }

  /**
   * @param kind of which there are few: each has its own window
   * @param context what {@link takeEnded} says of the kind
   * @returns whether a line is to be written
   */
  admits(kind: string, context: RequestContext, now: number): boolean {
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

  /** Whether there is something that was held back and not yet taken. */
  get hasSuppressed(): boolean {
    return [...this.#windows.values()].some(({ suppressed }) => suppressed > 0);
  }

  /** Closes the windows that have had their time. @returns what was held back in them */
  takeEnded(now: number): Suppressed<RequestContext>[] {
    return this.#take(now, this.#options.windowMilliseconds);
  }

  /** Closes all windows. @returns what was held back in them */
  takeAll(now: number): Suppressed<RequestContext>[] {
    return this.#take(now, 0);
  }

  #take(now: number, minimumAge: number): Suppressed<RequestContext>[] {
    const taken: Suppressed<RequestContext>[] = [];
    for (const [kind, { context, openedAt, suppressed }] of this.#windows) {
      if (now - openedAt < minimumAge) continue;
      this.#windows.delete(kind);
      if (suppressed > 0) taken.push({ context, count: suppressed, milliseconds: now - openedAt });
    }
    return taken;
  }
}
