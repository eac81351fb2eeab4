import { performance } from 'node:perf_hooks';
import type { Readable } from 'node:stream';
import type { RequestSink } from '../authenticator/decision.js';
import { describeStart, START_BYTES } from '../protocol/describe-start.js';
import type { Framing } from '../protocol/framing.js';
import { malformedRequest } from '../protocol/request.js';
import type { Responder } from './responder.js';

/** Less than any server waits for an answer. */
const WAIT_MILLISECONDS = 3000;

/** Options of {@link IncompleteRequestWatch}. */
export interface IncompleteRequestOptions {
  readonly input: Readable;
  readonly listener: string;
  readonly framing: Framing;
  readonly responder: Responder;
  readonly onCompleted: RequestSink;
}

/**
 * Reports, once for each connection, bytes that make no whole request and so get no answer. Otherwise both sides would wait
 * without any message, for example if the client uses another protocol.
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

  /** Must be called when all received bytes have been decoded. */
  decoded(): void {
    const { input, responder } = this.#options;
    if (this.#timer !== undefined || this.#isReported || !responder.isInRequest) return;
    this.#since = performance.now();
    const before = responder.decoded;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const hasAdvanced = !responder.isInRequest || responder.decoded !== before;
      // While earlier requests are unanswered, the rest may be waiting to be read.
      if (hasAdvanced || !responder.isIdle || input.isPaused()) this.decoded();
      else this.#report();
    }, WAIT_MILLISECONDS).unref();
  }

  /** Must be called at the end of the connection. */
  end(): void {
    clearTimeout(this.#timer);
    if (this.#timer === undefined) this.#since = performance.now();
    if (this.#options.responder.isInRequest) this.#report();
  }

  #report(): void {
    if (this.#isReported) return;
    this.#isReported = true;
    const { listener, framing, onCompleted } = this.#options;
    onCompleted({
      outcome: 'unanswered',
      reason: 'incomplete-request',
      cause: describeStart(this.#start, framing),
      context: malformedRequest(listener).context,
      milliseconds: performance.now() - this.#since,
    });
  }
}
