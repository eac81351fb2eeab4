import { performance } from 'node:perf_hooks';
import type { Writable } from 'node:stream';
import {
  completed,
  refused,
  refusedByError,
  type Decision,
  type RequestSink,
} from '../authenticator/decision.js';
import { failureKinds } from '../authenticator/reasons.js';
import { describeUnexpected, START_BYTES } from '../protocol/describe-start.js';
import type { Codec, ControlReply, Protocol, ProtocolName, Refusal } from '../protocol/protocol.js';
import { malformedRequest, type Frame, type Request } from '../protocol/request.js';
import { busyPoll } from './event-loop.js';

/** Decides requests, and receives their results. */
export interface RequestHandler {
  /** Decides one request. Rejects if that fails; never throws. */
  readonly decide: (request: Request) => Promise<Decision>;
  readonly onCompleted: RequestSink;
}

/** Options of {@link Responder}. */
export interface ResponderOptions extends RequestHandler {
  /** Where the requests come in, for their context. */
  readonly listener: string;
  readonly protocol: Protocol;
  /** Called once for each request. Returns whether the answer was sent: not if the client is gone. */
  readonly reply: (answer: Buffer) => boolean;
}

/** A request that was read and is not answered yet. */
interface Pending {
  readonly request: Request;
  readonly readAt: number;
  decision?: Decision;
  /** Called when it is answered. */
  onAnswered?: (() => void)[];
}

/**
 * Answers the requests of one connection, and decides several at the same time. Each answer waits for those before it, unless the
 * protocol has ids.
 */
export class Responder {
  readonly #options: ResponderOptions;
  readonly #codec: Codec;
  /** The oldest first. */
  readonly #pending = new Set<Pending>();
  #start = Buffer.alloc(0);
  #decoded = 0;
  #isFirst = true;
  #isUnexpected = false;
  #lastReply: Buffer | undefined;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#codec = options.protocol.createCodec();
  }

  /** The protocol of the connection; `undefined` until it is detected. */
  get protocol(): ProtocolName | undefined {
    return this.#codec.protocol;
  }

  /** The first bytes of the connection. */
  get start(): Buffer {
    return this.#start;
  }

  /** How many requests were found in the bytes so far. */
  get decoded(): number {
    return this.#decoded;
  }

  /** Whether the bytes so far end inside a request. */
  get isInRequest(): boolean {
    return this.#codec.isInRequest;
  }

  /** Whether all requests so far are answered. */
  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  /** Whether the connection was reported as one of another protocol. */
  get isUnexpected(): boolean {
    return this.#isUnexpected;
  }

  /** Whether a line was not understood, so that no more can be read. */
  get hasFailed(): boolean {
    return this.#lastReply !== undefined;
  }

  /** Waits until all requests so far are answered. */
  async answered(): Promise<void> {
    const answers = Array.from(
      this.#pending,
      (pending) => new Promise<void>((resolve) => (pending.onAnswered ??= []).push(resolve)),
    );
    await Promise.all(answers);
  }

  /** Decodes the next bytes of the connection. @returns the requests that they complete, for {@link answer} */
  decode(chunk: Buffer): Frame[] {
    const missing = START_BYTES - this.#start.length;
    if (missing > 0) this.#start = Buffer.concat([this.#start, chunk.subarray(0, missing)]);
    const frames = this.#codec.decode(chunk);
    this.#decoded += frames.length;
    return frames;
  }

  /** Decides one request and answers it. @returns whether more can be read: not after a line that was not understood */
  answer(frame: Frame): boolean {
    const readAt = performance.now();
    const message = this.#codec.parse(frame, this.#options.listener);
    const unexpected =
      this.#isFirst && isInvalid(message) ? describeUnexpected(this.#start, this.protocol) : undefined;
    this.#isFirst = false;
    this.#isUnexpected ||= unexpected !== undefined;
    if ('reply' in message) {
      this.#replyTo(message, unexpected, readAt);
      return !this.hasFailed;
    }
    const pending: Pending = { request: message, readAt };
    this.#pending.add(pending);
    const settle = (decision: Decision): void => {
      pending.decision = decision;
      this.#sendDecided(pending);
    };
    if (unexpected !== undefined) settle(refused('unknown-protocol', { cause: unexpected }));
    else
      this.#options.decide(message).then(settle, (error: unknown) => {
        settle(refusedByError(error));
      });
    return true;
  }

  /** Must be called at the end of the connection. Waits until all requests are answered. */
  async end(): Promise<void> {
    await this.answered();
    if (this.#lastReply !== undefined) this.#options.reply(this.#lastReply);
  }

  #replyTo({ reply, fault }: ControlReply, unexpected: string | undefined, readAt: number): void {
    const { listener, onCompleted } = this.#options;
    if (fault === undefined) {
      this.#options.reply(reply);
      return;
    }
    this.#lastReply = reply;
    const decision =
      unexpected === undefined
        ? refused('malformed-request', { cause: fault })
        : refused('unknown-protocol', { cause: unexpected });
    onCompleted(completed(malformedRequest(listener).context, decision, performance.now() - readAt));
  }

  /** Sends an answer; if the order matters, as many as are ready at the front. */
  #sendDecided(pending: Pending): void {
    if (!this.#codec.isOrdered) {
      this.#send(pending);
      return;
    }
    for (const first of this.#pending) {
      if (first.decision === undefined) return;
      this.#send(first);
    }
  }

  #send(pending: Pending): void {
    const { onCompleted, reply } = this.#options;
    const { request, readAt, decision } = pending;
    if (decision === undefined) return;
    this.#pending.delete(pending);
    const details = 'details' in decision ? decision.details : undefined;
    const isSent = reply(this.#codec.encode(request.id, refusalOf(decision), details));
    if (isSent) busyPoll();
    const result = isSent ? decision : ({ outcome: 'unanswered', reason: 'deadline-exceeded' } as const);
    onCompleted(completed(request.context, result, performance.now() - readAt));
    for (const resolve of pending.onAnswered ?? []) resolve();
  }
}

function refusalOf({ reason }: Decision): Refusal | undefined {
  return reason === undefined ? undefined : { reason, kind: failureKinds[reason] };
}

/** Returns whether a message was not understood. */
function isInvalid(message: Request | ControlReply): boolean {
  return 'reply' in message ? message.fault !== undefined : message.operation === 'malformed';
}

/** Writes the answers that are ready at the same time in one call: a call for each would cost more than the decisions. */
export class AnswerBatch {
  readonly #output: Writable;
  #answers: Buffer[] = [];

  constructor(output: Writable) {
    this.#output = output;
  }

  /** Adds an answer. @returns whether it will be sent: not if the client is gone */
  add(answer: Buffer): boolean {
    if (this.#output.destroyed) return false;
    // Runs after the microtasks, in which other requests of this iteration are decided.
    if (this.#answers.length === 0)
      process.nextTick(() => {
        this.flush();
      });
    this.#answers.push(answer);
    return true;
  }

  /** Writes all answers now. */
  flush(): void {
    const [first] = this.#answers;
    if (first === undefined) return;
    const answers = this.#answers.length === 1 ? first : Buffer.concat(this.#answers);
    this.#answers = [];
    if (!this.#output.destroyed) this.#output.write(answers);
  }
}
