import type { CompletedRequest, RequestSink } from '../daemon/completed-request.js';

/** How many requests came to what, since the start. */
export class Tally {
  readonly #counts: Record<CompletedRequest['outcome'], number> = { accepted: 0, refused: 0, unanswered: 0 };
  readonly count: RequestSink = ({ outcome }) => {
    this.#counts[outcome] += 1;
  };

  get counts(): Readonly<Record<CompletedRequest['outcome'], number>> {
    return this.#counts;
  }
}
