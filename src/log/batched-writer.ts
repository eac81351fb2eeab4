import type { LogSink } from './sinks/sink.js';

/** A longer batch is written before the event loop iteration ends. */
const MAX_BATCH_CHARACTERS = 64 * 1024;
/** Lines beyond this are dropped, to bound the memory. */
const MAX_WAITING_CHARACTERS = 1024 * 1024;
const FIRST_RETRY_MILLISECONDS = 10;
const LAST_RETRY_MILLISECONDS = 1000;

/** Options of {@link BatchedWriter}. */
export interface BatchedWriterOptions {
  /** Called once when the sink fails. */
  readonly onError: (error: unknown) => void;
  /** Called when the sink recovers, with the number of lines that were dropped meanwhile. */
  readonly onRecovered: (lost: number) => void;
}

/**
 * Writes the lines of one event loop iteration to a sink together, at its end. Keeps what the sink doesn't take, up to a bound, and
 * retries. Never throws and never waits.
 */
export class BatchedWriter {
  readonly #sink: LogSink;
  readonly #options: BatchedWriterOptions;
  #text = '';
  /** The bytes of an earlier batch that the sink did not take. */
  #rest: Buffer = Buffer.alloc(0);
  #lost = 0;
  #isFailing = false;
  #isScheduled = false;
  #retryAfter = FIRST_RETRY_MILLISECONDS;

  constructor(sink: LogSink, options: BatchedWriterOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  get isFailing(): boolean {
    return this.#isFailing;
  }

  add(line: string): void {
    if (this.#rest.length + this.#text.length > MAX_WAITING_CHARACTERS) {
      this.#lost += 1;
      this.#fail(new Error('the reader is too slow, and the buffer is full'));
      return;
    }
    this.#text += line;
    if (this.#isScheduled) {
      // A failing or slow sink gets its next write at the scheduled retry.
      if (this.#text.length > MAX_BATCH_CHARACTERS && this.#rest.length === 0 && !this.#isFailing)
        this.#drain();
      return;
    }
    this.#isScheduled = true;
    setImmediate(() => {
      this.#attempt();
    });
  }

  /** Writes as much as possible now. */
  flush(): void {
    this.#drain();
  }

  #attempt(): void {
    this.#isScheduled = false;
    const waitingBefore = this.#waiting;
    if (this.#drain()) {
      this.#retryAfter = FIRST_RETRY_MILLISECONDS;
      return;
    }
    const hasMoved = this.#waiting < waitingBefore;
    this.#retryAfter = hasMoved
      ? FIRST_RETRY_MILLISECONDS
      : Math.min(this.#retryAfter * 2, LAST_RETRY_MILLISECONDS);
    this.#isScheduled = true;
    setTimeout(() => {
      this.#attempt();
    }, this.#retryAfter).unref();
  }

  get #waiting(): number {
    return this.#rest.length + this.#text.length;
  }

  /** Returns whether everything was written. */
  #drain(): boolean {
    try {
      if (!this.#writeRest()) return false;
      this.#rest = Buffer.from(this.#text);
      this.#text = '';
      if (!this.#writeRest()) return false;
      this.#recover();
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** Writes the rest first, so that a partly written line is completed. */
  #writeRest(): boolean {
    if (this.#rest.length > 0) this.#rest = this.#rest.subarray(this.#sink.write(this.#rest));
    return this.#rest.length === 0;
  }

  #fail(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.onError(error);
  }

  #recover(): void {
    if (!this.#isFailing) return;
    const lost = this.#lost;
    this.#isFailing = false;
    this.#lost = 0;
    this.#options.onRecovered(lost);
  }
}
