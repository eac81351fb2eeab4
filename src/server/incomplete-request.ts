import { performance } from 'node:perf_hooks';
import type { Readable } from 'node:stream';
import { describeStart, START_BYTES } from '../protocol/describe-start.js';
import type { Framing } from '../protocol/framing.js';
import type { Observer, Responder } from './responder.js';

/** Less than any server waits for an answer. */
const WAIT_MILLISECONDS = 3000;

/** What an {@link IncompleteRequestWatch} works with. */
export interface IncompleteRequestOptions {
  readonly input: Readable;
  readonly framing: Framing;
  readonly responder: Responder;
  readonly observer: Observer;
}

/**
 * Reports, once for each connection, that bytes came which are no whole request, so that nobody answers them. Otherwise both sides
 * would wait without a word, as when the client uses another protocol.
 */
export class IncompleteRequestWatch {
  readonly #options: IncompleteRequestOptions;
  /** The first bytes of the connection. */
  #start = Buffer.alloc(0);
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #isReported = false;

  constructor(options: IncompleteRequestOptions) {
    this.#options = options;
  }

  /** Must be called with each chunk. */
  receive(chunk: Buffer): void {
    const missing = START_BYTES - this.#start.length;
    if (missing > 0) this.#start = Buffer.concat([this.#start, chunk.subarray(0, missing)]);
  }

  /** Must be called when all that came has been decoded. */
  decoded(): void {
    if (this.#timer !== undefined || this.#isReported || !this.#options.responder.isInRequest) return;
    this.#since = performance.now();
    const before = this.#options.responder.decoded;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isStuck(before)) this.#report();
      else this.decoded();
    }, WAIT_MILLISECONDS).unref();
  }

  /** Must be called at the end of the connection. */
  end(): void {
    clearTimeout(this.#timer);
    if (this.#timer === undefined) this.#since = performance.now();
    if (this.#options.responder.isInRequest) this.#report();
  }

  /** Not while earlier requests or their answers keep the rest from being read. */
  #isStuck(before: number): boolean {
    const { input, responder } = this.#options;
    return (
      responder.isInRequest && responder.decoded === before && responder.unanswered === 0 && !input.isPaused()
    );
  }

  #report(): void {
    if (this.#isReported) return;
    this.#isReported = true;
    const { framing, observer } = this.#options;
    observer.incomplete(describeStart(this.#start, framing), this.#since);
  }
}
