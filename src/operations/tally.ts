import type { Decision, DecisionSink } from './decision.js';

/** How many requests came to what, since the start. */
export class Tally {
  readonly #counts: Record<Decision['outcome'], number> = { accepted: 0, refused: 0, withheld: 0 };
  readonly count: DecisionSink = ({ outcome }) => {
    this.#counts[outcome] += 1;
  };

  get counts(): Readonly<Record<Decision['outcome'], number>> {
    return this.#counts;
  }
}
