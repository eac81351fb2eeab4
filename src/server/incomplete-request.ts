import { performance } from 'node:perf_hooks';
import type { Readable } from 'node:stream';
import type { RequestSink } from '../authenticator/decision.js';
import { describeUnexpected, describeUnfinished } from '../protocol/describe-start.js';
import { malformedRequest } from '../protocol/request.js';
import type { Responder } from './responder.js';

/** Less than any server waits for an answer. */
const WAIT_MILLISECONDS = 3000;

/** Options of {@link IncompleteRequestWatch}. */
export interface IncompleteRequestOptions {
  readonly input: Readable;
  readonly listener: string;
  readonly responder: Responder;
  readonly onCompleted: RequestSink;
  /** Aborted if the connection does not even start with a whole request in time. */
  readonly giveUp: AbortController;
}

/**
 * Reports, once for each connection, bytes that make no whole request and so get no answer. Otherwise both sides would wait
 * without any message, for example if the client uses another protocol.
 */
export class IncompleteRequestWatch {
  readonly #options: IncompleteRequestOptions;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #isReported = false;

  constructor(options: IncompleteRequestOptions) {
    this.#options = options;
  }

  /** Must be called when all received bytes have been decoded. */
  decoded(): void {
    const { responder } = this.#options;
    if (this.#timer !== undefined || this.#isReported || !responder.isInRequest) return;
    this.#since = performance.now();
    const before = responder.decoded;
    this.#timer = setTimeout(() => {
      // After a pause of this process, the timer is due before the rest of the request is read.
      setImmediate(() => {
        this.#timer = undefined;
        this.#check(before);
      });
    }, WAIT_MILLISECONDS).unref();
  }

  /** Must be called at the end of the connection. */
  end(): void {
    clearTimeout(this.#timer);
    if (this.#timer === undefined) this.#since = performance.now();
    if (this.#options.responder.isInRequest) this.#report();
  }

  #check(before: number): void {
    const { input, responder, giveUp } = this.#options;
    const hasAdvanced = !responder.isInRequest || responder.decoded !== before;
    // While earlier requests are unanswered, the rest may be waiting to be read.
    if (hasAdvanced || !responder.isIdle || input.isPaused()) {
      this.decoded();
      return;
    }
    this.#report();
    if (responder.decoded === 0) giveUp.abort();
  }

  #report(): void {
    const { listener, responder, onCompleted } = this.#options;
    if (this.#isReported || responder.isUnexpected || responder.hasFailed) return;
    this.#isReported = true;
    const { protocol, start } = responder;
    const isFirst = responder.decoded === 0;
    const unexpected = isFirst || protocol === undefined ? describeUnexpected(start, protocol) : undefined;
    onCompleted({
      outcome: 'unanswered',
      reason: unexpected === undefined ? 'incomplete-request' : 'unknown-protocol',
      cause: unexpected ?? (protocol && describeUnfinished(protocol)),
      context: malformedRequest(listener).context,
      milliseconds: performance.now() - this.#since,
    });
  }
}
