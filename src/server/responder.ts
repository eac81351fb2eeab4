import { performance } from 'node:perf_hooks';
import type { Writable } from 'node:stream';
import { completed, refusedByError, type Decision, type RequestSink } from '../authenticator/decision.js';
import type { FrameDecoder, Framing } from '../protocol/framing.js';
import { parseRequest, type Frame, type Request } from '../protocol/request.js';
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
  readonly framing: Framing;
  /** Called once for each request. Returns whether the answer was sent: not if the client is gone. */
  readonly reply: (answer: Buffer) => boolean;
}

/** A request that was read and is not answered yet. */
interface Pending {
  readonly request: Request;
  readonly readAt: number;
  decision?: Decision;
  /** Called when it and all requests before it are answered. */
  onAnswered?: (() => void)[];
}

/** Answers the requests of one connection in order. Decides several at the same time; each answer waits for those before it. */
export class Responder {
  readonly #options: ResponderOptions;
  readonly #decoder: FrameDecoder;
  /** The oldest first. */
  readonly #pending: Pending[] = [];
  #decoded = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#decoder = options.framing.createDecoder();
  }

  /** How many requests were found in the bytes so far. */
  get decoded(): number {
    return this.#decoded;
  }

  /** Whether the bytes so far end inside a request. */
  get isInRequest(): boolean {
    return this.#decoder.isInRequest;
  }

  /** Whether all requests so far are answered. */
  get isIdle(): boolean {
    return this.#pending.length === 0;
  }

  /** Waits until all requests so far are answered. */
  get answered(): Promise<void> {
    const last = this.#pending.at(-1);
    if (last === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      (last.onAnswered ??= []).push(resolve);
    });
  }

  /** Decodes the next bytes of the connection. @returns the requests that they complete, for {@link answer} */
  decode(chunk: Buffer): Frame[] {
    const frames = this.#decoder.push(chunk);
    this.#decoded += frames.length;
    return frames;
  }

  /** Decides one request and answers it. */
  answer(frame: Frame): void {
    const { decide, listener } = this.#options;
    const pending: Pending = { request: parseRequest(frame, listener), readAt: performance.now() };
    this.#pending.push(pending);
    const settle = (decision: Decision): void => {
      pending.decision = decision;
      this.#sendDecided();
    };
    decide(pending.request).then(settle, (error: unknown) => {
      settle(refusedByError(error));
    });
  }

  #sendDecided(): void {
    for (let first = this.#pending[0]; first?.decision !== undefined; first = this.#pending[0]) {
      this.#pending.shift();
      this.#send(first, first.decision);
      for (const resolve of first.onAnswered ?? []) resolve();
    }
  }

  #send({ request: { context }, readAt }: Pending, decision: Decision): void {
    const { framing, onCompleted, reply } = this.#options;
    const isSent = reply(decision.outcome === 'accepted' ? framing.answers.yes : framing.answers.no);
    if (isSent) busyPoll();
    const result = isSent ? decision : ({ outcome: 'unanswered', reason: 'deadline-exceeded' } as const);
    onCompleted(completed(context, result, performance.now() - readAt));
  }
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
