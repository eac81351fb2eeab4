import { performance } from 'node:perf_hooks';
import type { Decision } from '../authenticator/authenticator.js';
import type { FrameDecoder, Framing } from '../protocol/framing.js';
import { parseRequest, type Frame, type Request } from '../protocol/request.js';
import { busyPoll } from './busy-poll.js';

/** Decides one request; rejects where it cannot be told, and never throws. */
export type Decide = (request: Request) => Promise<Decision>;

/** Is told what became of each request, and when it was read (by `performance.now()`). */
export interface Observer {
  decided(request: Request, decision: Decision, readAt: number): void;
  /** Something broke; the request was refused. */
  failed(request: Request, error: unknown, readAt: number): void;
  /** Nobody may be waiting for the answer any more; it was not sent. */
  unanswered(request: Request, readAt: number): void;
  /**
   * Bytes came that are no whole request, so nothing was answered.
   *
   * @param cause what they look like and what to do, without any of the bytes
   */
  incomplete(cause: string, readAt: number): void;
}

/** The way back to the server. */
export interface Reply {
  /** Called once for each request. @returns whether the answer was sent: not if nobody waits for it any more */
  send(answer: Buffer): boolean;
}

/** What a {@link Responder} works with. */
export interface ResponderOptions {
  readonly framing: Framing;
  readonly decide: Decide;
  readonly observer: Observer;
  readonly reply: Reply;
}

type Outcome = { readonly decision: Decision } | { readonly error: unknown };

/** A request that was read and not answered yet. */
interface Pending {
  readonly request: Request;
  readonly readAt: number;
  outcome?: Outcome;
  /** Who waits for its answer, and for those before it. */
  waiting?: (() => void)[];
}

/**
 * Answers the requests of one connection, in their order. Several are decided at the same time; each answer waits
 * for those before it.
 */
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

  /** How many requests were read and wait for their answer. */
  get unanswered(): number {
    return this.#pending.length;
  }

  /** How many requests were found in the bytes so far. */
  get decoded(): number {
    return this.#decoded;
  }

  /** Whether the bytes so far end inside a request. */
  get isInRequest(): boolean {
    return this.#decoder.isInRequest;
  }

  /** @returns when all that has been received so far is answered */
  get answered(): Promise<void> {
    const last = this.#pending.at(-1);
    if (last === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      (last.waiting ??= []).push(resolve);
    });
  }

  /** Takes the next bytes of the connection, however they are cut. */
  receive(chunk: Buffer): void {
    for (const frame of this.decode(chunk)) this.receiveFrame(frame);
  }

  /** Takes the next bytes without deciding anything. @returns the frames that are complete with them, for {@link receiveFrame} */
  decode(chunk: Buffer): Frame[] {
    const frames = this.#decoder.push(chunk);
    this.#decoded += frames.length;
    return frames;
  }

  /** Decides one request and answers it. */
  receiveFrame(frame: Frame): void {
    const readAt = performance.now();
    const request = parseRequest(frame);
    const pending: Pending = { request, readAt };
    this.#pending.push(pending);
    // A fault refuses, and never keeps a later request from its answer.
    this.#options.decide(request).then(
      (decision) => {
        this.#settle(pending, { decision });
      },
      (error: unknown) => {
        this.#settle(pending, { error });
      },
    );
  }

  #settle(pending: Pending, outcome: Outcome): void {
    pending.outcome = outcome;
    for (let first = this.#pending[0]; first?.outcome !== undefined; first = this.#pending[0]) {
      this.#pending.shift();
      this.#answer(first, first.outcome);
      for (const resolve of first.waiting ?? []) resolve();
    }
  }

  #answer({ request, readAt }: Pending, outcome: Outcome): void {
    const { framing, observer, reply } = this.#options;
    const accepted = 'decision' in outcome && outcome.decision.accepted;
    if (!reply.send(accepted ? framing.answers.yes : framing.answers.no)) {
      observer.unanswered(request, readAt);
      return;
    }
    busyPoll();
    if ('decision' in outcome) observer.decided(request, outcome.decision, readAt);
    else observer.failed(request, outcome.error, readAt);
  }
}
