/** How many lines of a kind are written in a window of time; the others are counted. */
export interface FloodOptions {
  readonly limit: number;
  readonly windowMilliseconds: number;
}

/** What was held back in one window. */
export interface HeldBack<About> {
  readonly about: About;
  readonly count: number;
  /** How long the window was. */
  readonly milliseconds: number;
}

interface Window<About> {
  readonly about: About;
  readonly openedAt: number;
  admitted: number;
  heldBack: number;
}

/**
 * Lets the first lines of each kind through and counts the others, so that nobody can fill a disk with them. A window of a
 * kind opens with its first line. Times are milliseconds of a clock that only goes forward.
 */
export class Flood<About> {
  readonly #options: FloodOptions;
  readonly #windows = new Map<string, Window<About>>();

  constructor(options: FloodOptions) {
    this.#options = options;
  }

  /**
   * @param kind of which there are few: each has its own window
   * @param about what {@link takeEnded} says of the kind
   * @returns whether a line is to be written
   */
  admits(kind: string, about: About, now: number): boolean {
    let window = this.#windows.get(kind);
    if (window === undefined) {
      window = { about, openedAt: now, admitted: 0, heldBack: 0 };
      this.#windows.set(kind, window);
    }
    const isAdmitted = window.admitted < this.#options.limit;
    if (isAdmitted) window.admitted += 1;
    else window.heldBack += 1;
    return isAdmitted;
  }

  /** Whether there is something that was held back and not yet taken. */
  get isHoldingBack(): boolean {
    return [...this.#windows.values()].some(({ heldBack }) => heldBack > 0);
  }

  /** Closes the windows that have had their time. @returns what was held back in them */
  takeEnded(now: number): HeldBack<About>[] {
    return this.#take(now, this.#options.windowMilliseconds);
  }

  /** Closes all windows. @returns what was held back in them */
  takeAll(now: number): HeldBack<About>[] {
    return this.#take(now, 0);
  }

  #take(now: number, minimumAge: number): HeldBack<About>[] {
    const taken: HeldBack<About>[] = [];
    for (const [kind, { about, openedAt, heldBack }] of this.#windows) {
      if (now - openedAt < minimumAge) continue;
      this.#windows.delete(kind);
      if (heldBack > 0) taken.push({ about, count: heldBack, milliseconds: now - openedAt });
    }
    return taken;
  }
}
