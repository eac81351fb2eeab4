/**
 * How many requests can be unanswered besides one for each connection. 256 keep Redis and a core busy. With thousands, the
 * reply of Redis would arrive after the deadline of the last one.
 */
export const MAX_EXTRA_REQUESTS = 256;

/**
 * Bounds how many requests are unanswered, over all connections of the process. As a request has at most MAX_REQUEST_BYTES,
 * this bounds their memory, too. A connection can always have one unanswered request, whatever the others do; only further
 * ones, which it pipelines, draw on the budget.
 */
export class RequestBudget {
  #free: number;
  /** The callbacks that wait for a place, the longest first. */
  readonly #queue = new Set<() => void>();

  constructor(extraRequests: number = MAX_EXTRA_REQUESTS) {
    this.#free = extraRequests;
  }

  /** Takes a place if one is free and nobody waits. @returns whether it did */
  tryTake(): boolean {
    if (this.#free === 0 || this.#queue.size > 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Returns a place, or hands it to the connection that has waited longest. */
  giveBack(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#queue.delete(next);
    next();
  }

  /** Calls back once, as soon as a place is free and taken for the caller. */
  enqueue(onPlace: () => void): void {
    this.#queue.add(onPlace);
  }

  dequeue(onPlace: () => void): void {
    this.#queue.delete(onPlace);
  }
}

interface Waiting {
  readonly admit: () => void;
  readonly giveUp: () => void;
}

/** The part of a {@link RequestBudget} that one connection uses. */
export class ConnectionShare {
  readonly #budget: RequestBudget;
  #unanswered = 0;
  /** The request that waits to be admitted. */
  #waiting: Waiting | undefined;
  #isClosed = false;

  constructor(budget: RequestBudget) {
    this.#budget = budget;
  }

  /** @returns whether the next request can be decided now; otherwise call {@link admission} */
  tryAdmit(): boolean {
    if (this.#unanswered > 0 && !this.#budget.tryTake()) return false;
    this.#unanswered += 1;
    return true;
  }

  /**
   * Waits until the next request can be decided: until another connection returns a place, or all earlier requests of this
   * connection are answered. So it never depends on other connections alone.
   *
   * @returns whether it can; `false` if the connection was closed
   */
  admission(): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (isAdmitted: boolean): void => {
        this.#waiting = undefined;
        if (isAdmitted) this.#unanswered += 1;
        resolve(isAdmitted);
      };
      const admit = settle.bind(undefined, true);
      this.#waiting = { admit, giveUp: settle.bind(undefined, false) };
      this.#budget.enqueue(admit);
    });
  }

  /** Must be called once for each admitted request, when it has been answered. */
  answered(): void {
    this.#unanswered -= 1;
    if (this.#unanswered > 0) this.#budget.giveBack();
    else this.#leaveQueue()?.admit();
  }

  /** Must be called when the connection is closed. Ends {@link admission}. */
  readonly close = (): void => {
    this.#isClosed = true;
    this.#leaveQueue()?.giveUp();
  };

  #leaveQueue(): Waiting | undefined {
    if (this.#waiting !== undefined) this.#budget.dequeue(this.#waiting.admit);
    return this.#waiting;
  }
}
