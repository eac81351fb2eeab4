import type { LogSink } from './sinks/sink.js';

/** So much is written without waiting for the end of the turn. */
const MAX_BATCH_CHARACTERS = 64 * 1024;
/** Lines beyond this are lost: a log must not grow in memory either. */
const MAX_WAITING_CHARACTERS = 1024 * 1024;
const FIRST_RETRY_MILLISECONDS = 10;
const LAST_RETRY_MILLISECONDS = 1000;

/** What a {@link BatchedWriter} works with. */
export interface BatchedWriterOptions {
  /** Is told, once, that the outlet cannot be written. */
  readonly onError: (error: unknown) => void;
  /** Is told that it can be again, and how many lines were lost meanwhile. */
  readonly onRecovered: (lost: number) => void;
}

/**
 * Writes the lines of one event loop iteration together, at the end of the turn. What an outlet does not take waits, up to a
 * bound, and is tried again. Never throws and never waits.
 */
export class BatchedWriter {
  readonly #outlet: LogSink;
  readonly #options: BatchedWriterOptions;
  #text = '';
  /** What was not taken of an earlier text. */
  #rest: Buffer = Buffer.alloc(0);
  #lost = 0;
  #isBroken = false;
  #isPlanned = false;
  #retryAfter = FIRST_RETRY_MILLISECONDS;

  constructor(sink: LogSink, options: BatchedWriterOptions) {
    this.#outlet = sink;
    this.#options = options;
  }

  /** Whether what is added now would only wait. */
  get isFailing(): boolean {
    return this.#isBroken;
  }

  add(line: string): void {
    if (this.#rest.length + this.#text.length > MAX_WAITING_CHARACTERS) {
      this.#lost += 1;
      this.#break(new Error('it takes nothing at present, and no more lines can be kept'));
      return;
    }
    this.#text += line;
    if (this.#isPlanned) {
      // Not while it is broken, or slow: then there is a time for the next try.
      if (this.#text.length > MAX_BATCH_CHARACTERS && this.#rest.length === 0 && !this.#isBroken)
        this.#drain();
      return;
    }
    this.#isPlanned = true;
    setImmediate(() => {
      this.#try();
    });
  }

  /** Writes what can be written now. */
  flush(): void {
    this.#drain();
  }

  #try(): void {
    this.#isPlanned = false;
    const waitingBefore = this.#waiting;
    if (this.#drain()) {
      this.#retryAfter = FIRST_RETRY_MILLISECONDS;
      return;
    }
    const hasMoved = this.#waiting < waitingBefore;
    this.#retryAfter = hasMoved
      ? FIRST_RETRY_MILLISECONDS
      : Math.min(this.#retryAfter * 2, LAST_RETRY_MILLISECONDS);
    this.#isPlanned = true;
    setTimeout(() => {
      this.#try();
    }, this.#retryAfter).unref();
  }

  get #waiting(): number {
    return this.#rest.length + this.#text.length;
  }

  /** @returns whether all is written */
  #drain(): boolean {
    try {
      if (!this.#writeRest()) return false;
      this.#rest = Buffer.from(this.#text);
      this.#text = '';
      if (!this.#writeRest()) return false;
      this.#mend();
      return true;
    } catch (error) {
      this.#break(error);
      return false;
    }
  }

  /** Lines are not torn: what is left of one comes first. */
  #writeRest(): boolean {
    if (this.#rest.length > 0) this.#rest = this.#rest.subarray(this.#outlet.write(this.#rest));
    return this.#rest.length === 0;
  }

  #break(error: unknown): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#options.onError(error);
  }

  #mend(): void {
    if (!this.#isBroken) return;
    const lost = this.#lost;
    this.#isBroken = false;
    this.#lost = 0;
    this.#options.onRecovered(lost);
  }
}
