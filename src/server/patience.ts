import type { Reply } from './responder.js';

/** What {@link Patience} works with. Times are milliseconds of a clock that only goes forward. */
export interface PatienceOptions {
  /** How long the server certainly still waits after it wrote a request. */
  readonly answerWithin: () => number;
  readonly clock: () => number;
  /** An instant after which all that comes was written. */
  readonly emptyAt: number;
}

/**
 * Knows how long ago a request can have been written, at most: its bytes do not say, but what is read was written
 * after the last instant at which the input was seen empty. A request that may be older than the server's patience
 * must not be answered: the server has given up on it, and would take the answer for that of its next request.
 */
export class Patience {
  readonly #options: PatienceOptions;
  #emptyAt: number;

  constructor(options: PatienceOptions) {
    this.#options = options;
    this.#emptyAt = options.emptyAt;
  }

  /** @param instant a moment at or before one at which there was no input */
  sawEmpty(instant: number): void {
    this.#emptyAt = instant;
  }

  /**
   * Opens the reply to a request that has just been read.
   *
   * @param write writes the answer, whole and at once
   */
  openReply(write: (answer: Buffer) => void): Reply {
    const { answerWithin, clock } = this.#options;
    const deadline = this.#emptyAt + answerWithin();
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadline - clock());
    });
    return {
      expired,
      send: (answer) => {
        clearTimeout(timer);
        // Looked at here and not by the timer: this process may have been stopped until now.
        if (clock() >= deadline) return false;
        write(answer);
        return true;
      },
    };
  }
}
