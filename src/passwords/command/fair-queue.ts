/** A request, and what causes it, such as a client address. */
interface Request {
  readonly origin: string;
}

/**
 * A queue in which the requests of one origin don't keep those of others waiting: one client could send passwords with which a program
 * hangs. The next request is one of the origin with the fewest requests in progress; of several such origins, the one whose turn was
 * the longest time ago.
 */
export class FairQueue<R extends Request> {
  readonly #limit: number;
  readonly #waiting: R[] = [];
  readonly #inProgress = new Map<string, number>();
  /** The origins that have requests, in the order of their last turns. */
  readonly #turns = new Set<string>();

  /** @param limit how many requests of one origin can be in progress */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many requests wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Adds a request. */
  add(request: R, place: 'first' | 'last'): void {
    if (place === 'first') this.#waiting.unshift(request);
    else this.#waiting.push(request);
  }

  /** Removes a request that waits. @returns whether it did */
  remove(request: R): boolean {
    const at = this.#waiting.indexOf(request);
    if (at < 0) return false;
    this.#waiting.splice(at, 1);
    this.#forget(request);
    return true;
  }

  /** Removes all requests that wait, and returns them. */
  removeAll(): R[] {
    const removed = this.#waiting.splice(0);
    for (const request of removed) this.#forget(request);
    return removed;
  }

  /** Removes the next request, which is in progress then, until {@link end}. Returns `undefined` if all have to wait. */
  start(): R | undefined {
    let next: R | undefined;
    for (const request of this.#waiting) {
      if (this.#countOf(request) >= this.#limit) continue;
      if (next === undefined || this.#isBefore(request, next)) next = request;
    }
    if (next === undefined) return undefined;
    this.remove(next);
    this.#inProgress.set(next.origin, this.#countOf(next) + 1);
    this.#turns.delete(next.origin);
    this.#turns.add(next.origin);
    return next;
  }

  /** Must be called when a request is no longer in progress. */
  end(request: R): void {
    const { origin } = request;
    const count = this.#countOf(request) - 1;
    if (count > 0) this.#inProgress.set(origin, count);
    else this.#inProgress.delete(origin);
    this.#forget(request);
  }

  /** Forgets the turn of an origin that has no requests any more. */
  #forget({ origin }: R): void {
    const isKnown = this.#inProgress.has(origin) || this.#waiting.some((other) => other.origin === origin);
    if (!isKnown) this.#turns.delete(origin);
  }

  #countOf({ origin }: R): number {
    return this.#inProgress.get(origin) ?? 0;
  }

  #isBefore(request: R, other: R): boolean {
    const difference = this.#countOf(request) - this.#countOf(other);
    return difference < 0 || (difference === 0 && this.#turnOf(request) < this.#turnOf(other));
  }

  /** Returns -1 for an origin that had no turn yet. */
  #turnOf({ origin }: R): number {
    return [...this.#turns].indexOf(origin);
  }
}
