/**
 * How many requests may wait for their answers besides one for each connection. 256 keep Redis and a core busy. With thousands,
 * the last one would wait for so long that the reply of Redis comes too late for it.
 */
export const MAX_EXTRA_REQUESTS = 256;

/**
 * Bounds how many requests wait for their answers, over all connections of the process together. Since a request has at most
 * MAX_REQUEST_BYTES, it bounds their memory, too. A connection may always have one unanswered request, so it's served whatever
 * the others do; only further ones, which it pipelines, draw on the budget.
 */
export class RequestBudget {
  #free: number;
  /** Those who wait for a place, the longest first. */
  readonly #queue = new Set<() => void>();

  constructor(extraRequests: number = MAX_EXTRA_REQUESTS) {
    this.#free = extraRequests;
  }

  /** How many more requests can be pipelined. */
  get free(): number {
    return this.#free;
  }

  /** @returns whether there was a place for a further request; nobody overtakes those who wait */
  tryTake(): boolean {
    if (this.#free === 0 || this.#queue.size > 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Gives a place back, or straight to the connection that has waited longest for one. */
  giveBack(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#queue.delete(next);
    next();
  }

  /** @param onPlace is called once, as soon as there is a place, which is taken then */
  enqueue(onPlace: () => void): void {
    this.#queue.add(onPlace);
  }

  dequeue(onPlace: () => void): void {
    this.#queue.delete(onPlace);
  }
}
