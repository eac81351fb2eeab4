import type { RequestBudget } from './request-budget.js';

/** A request that waits until it's admitted. */
interface Waiting {
  readonly admit: () => void;
  readonly giveUp: () => void;
}

/** The part of a {@link RequestBudget} that one connection uses. */
export class ConnectionShare {
  readonly #budget: RequestBudget;
  #unanswered = 0;
  #waiting: Waiting | undefined;
  #isClosed = false;

  constructor(budget: RequestBudget) {
    this.#budget = budget;
  }

  /** @returns whether the next request may be decided now; otherwise call {@link admission} */
  tryAdmit(): boolean {
    if (this.#unanswered > 0 && !this.#budget.tryTake()) return false;
    this.#unanswered += 1;
    return true;
  }

  /**
   * Waits until the next request may be decided: until another connection gives up a place, or until all earlier requests
   * of this connection are answered. So it never waits for other connections alone.
   *
   * @returns whether it may; `false` if the connection was closed
   */
  admission(): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (isAdmitted: boolean): void => {
        this.#waiting = undefined;
        if (isAdmitted) this.#unanswered += 1;
        resolve(isAdmitted);
      };
      const admit = (): void => {
        settle(true);
      };
      const giveUp = (): void => {
        settle(false);
      };
      this.#waiting = { admit, giveUp };
      this.#budget.enqueue(admit);
    });
  }

  /** Must be called once for each admitted request, when it has been answered. */
  answered(): void {
    this.#unanswered -= 1;
    if (this.#unanswered > 0) this.#budget.giveBack();
    else this.#leaveQueue()?.admit();
  }

  /** Must be called when the connection is closed: nothing more of it waits. */
  close(): void {
    this.#isClosed = true;
    this.#leaveQueue()?.giveUp();
  }

  #leaveQueue(): Waiting | undefined {
    if (this.#waiting !== undefined) this.#budget.dequeue(this.#waiting.admit);
    return this.#waiting;
  }
}
