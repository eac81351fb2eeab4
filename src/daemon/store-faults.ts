import { messageOf } from '../errors.js';
import type { Log } from '../log/log.js';

/** What the log says of a store. */
export interface StoreMessages {
  readonly failed: string;
  readonly recovered: string;
}

/** Turns the faults of a store into values, and logs each new fault once, not once for each request. */
export class StoreFaults {
  readonly #log: Log;
  readonly #messages: StoreMessages;
  #fault: string | undefined;
  #refused = 0;

  constructor(log: Log, messages: StoreMessages) {
    this.#log = log;
    this.#messages = messages;
  }

  /** @returns the answer to a question; `'replay-cache-unavailable'` if the store throws */
  async ask<T>(question: () => Promise<T>): Promise<T | 'replay-cache-unavailable'> {
    try {
      const answer = await question();
      this.#recovered();
      return answer;
    } catch (error) {
      this.#failed(messageOf(error));
      return 'replay-cache-unavailable';
    }
  }

  #recovered(): void {
    if (this.#fault === undefined) return;
    this.#log.write('info', this.#messages.recovered, { refused: this.#refused });
    this.#fault = undefined;
    this.#refused = 0;
  }

  #failed(fault: string): void {
    if (fault !== this.#fault) this.#log.write('error', this.#messages.failed, { cause: fault });
    this.#fault = fault;
    this.#refused += 1;
  }
}
