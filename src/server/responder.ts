import { performance } from 'node:perf_hooks';
import type { Verdict } from '../authenticator.js';
import type { FrameDecoder, Framing } from '../protocol/framing.js';
import { parseRequest, type Frame, type Request } from '../protocol/request.js';

/** Decides one request; throws where it cannot be told. */
export type Decide = (request: Request) => Promise<Verdict>;

/** Is told what became of each request, and when it was read (by `performance.now()`). */
export interface Observer {
  decided(request: Request, verdict: Verdict, readAt: number): void;
  /** Something broke; the request was refused. */
  failed(request: Request, error: unknown, readAt: number): void;
  /** Nobody may be waiting for the answer any more; it was not sent. */
  withheld(request: Request, readAt: number): void;
}

/** The way back to the server, for one request. */
export interface Reply {
  /** @returns whether the answer was sent: not where nobody may be waiting for it any more */
  send(answer: Buffer): boolean;
  /** Comes when nobody may be waiting any more; never, where it is left out. */
  readonly expired?: Promise<void>;
}

/** What a {@link Responder} works with. */
export interface ResponderOptions {
  readonly framing: Framing;
  readonly decide: Decide;
  readonly observer: Observer;
  /** Is called as soon as a request has been read. */
  readonly openReply: () => Reply;
}

type Outcome =
  | { readonly verdict: Verdict }
  | { readonly error: unknown }
  /** The reply expired before there was a verdict. */
  | undefined;

/**
 * Answers the requests of one connection, in their order. Several are decided at the same time; each answer waits
 * for those before it.
 */
export class Responder {
  readonly #options: ResponderOptions;
  readonly #decoder: FrameDecoder;
  #answered: Promise<void> = Promise.resolve();
  #unanswered = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#decoder = options.framing.createDecoder();
  }

  /** How many requests were read and wait for their answer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Whether a request has been read in part. */
  get inRequest(): boolean {
    return this.#decoder.inRequest;
  }

  /** @returns when all that has been received so far is answered */
  get answered(): Promise<void> {
    return this.#answered;
  }

  /** Takes the next bytes of the connection, however they are cut. */
  receive(chunk: Buffer): void {
    for (const frame of this.#decoder.push(chunk)) this.#take(frame);
  }

  #take(frame: Frame): void {
    const readAt = performance.now();
    const request = parseRequest(frame);
    const reply = this.#options.openReply();
    const outcome = this.#outcomeOf(request, reply);
    const before = this.#answered;
    this.#unanswered += 1;
    this.#answered = before.then(async () => {
      this.#answer(request, readAt, reply, await outcome);
      this.#unanswered -= 1;
    });
  }

  /** A fault refuses, and never keeps a later request from its answer. */
  async #outcomeOf(request: Request, { expired }: Reply): Promise<Outcome> {
    try {
      const verdict = this.#options.decide(request);
      const outcome = verdict.then((value) => ({ verdict: value }));
      return await (expired === undefined ? outcome : Promise.race([outcome, expired.then(() => undefined)]));
    } catch (error) {
      return { error };
    }
  }

  #answer(request: Request, readAt: number, reply: Reply, outcome: Outcome): void {
    const { framing, observer } = this.#options;
    const accepted = outcome !== undefined && 'verdict' in outcome && outcome.verdict.accepted;
    const sent = outcome !== undefined && reply.send(accepted ? framing.answers.yes : framing.answers.no);
    if (!sent) observer.withheld(request, readAt);
    else if ('verdict' in outcome) observer.decided(request, outcome.verdict, readAt);
    else observer.failed(request, outcome.error, readAt);
  }
}
