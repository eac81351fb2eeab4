import type { Verdict } from '../authenticator.js';
import type { FrameDecoder, Framing } from '../protocol/framing.js';
import { parseRequest, type Frame, type Request } from '../protocol/request.js';

/** Decides one request; throws where it cannot be told. */
export type Decide = (request: Request) => Promise<Verdict>;

/** Is told what became of each request, for the log. */
export interface Observer {
  decided(request: Request, verdict: Verdict): void;
  /** Something broke; the request was refused. */
  failed(request: Request, error: unknown): void;
}

/**
 * Answers the requests of one connection, in their order. Several are decided at the same time; each answer waits
 * for those before it.
 */
export class Responder {
  readonly #framing: Framing;
  readonly #decoder: FrameDecoder;
  readonly #decide: Decide;
  readonly #observer: Observer;
  readonly #write: (answer: Buffer) => void;
  #answered: Promise<void> = Promise.resolve();
  #unanswered = 0;

  constructor(framing: Framing, decide: Decide, observer: Observer, write: (answer: Buffer) => void) {
    this.#framing = framing;
    this.#decoder = framing.createDecoder();
    this.#decide = decide;
    this.#observer = observer;
    this.#write = write;
  }

  /** How many requests were read and wait for their answer. */
  get unanswered(): number {
    return this.#unanswered;
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
    const request = parseRequest(frame);
    const decision = this.#decideSafely(request);
    const before = this.#answered;
    this.#unanswered += 1;
    this.#answered = before.then(async () => {
      const { accepted, report } = await decision;
      this.#write(accepted ? this.#framing.answers.yes : this.#framing.answers.no);
      this.#unanswered -= 1;
      report();
    });
  }

  /** A fault refuses, and never keeps a later request from its answer. */
  async #decideSafely(request: Request): Promise<{ accepted: boolean; report: () => void }> {
    const observer = this.#observer;
    try {
      const verdict = await this.#decide(request);
      return {
        accepted: verdict.accepted,
        report: () => {
          observer.decided(request, verdict);
        },
      };
    } catch (error) {
      return {
        accepted: false,
        report: () => {
          observer.failed(request, error);
        },
      };
    }
  }
}
