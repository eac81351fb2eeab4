import { assertVerdicts, type Client } from '../support/client.js';
import { percentiles, type Percentiles } from '../support/figures.js';
import { requests, type Kind } from '../support/requests.js';
import type { Both } from './subjects.js';

/** What many rounds say of one kind of request: each round's figures, and all samples. */
export interface Measured {
  readonly rounds: Percentiles[];
  readonly samples: Uint32Array[];
}

/** Both programs, asked the same. */
export interface Comparison {
  readonly ours: Measured;
  readonly echo: Measured;
}

/** How much is asked. */
export interface Scale {
  readonly warmUp: number;
  readonly rounds: number;
  /** Of each kind, in each round. */
  readonly requests: number;
}

/** Asks both programs the same, in turn, over several rounds; the first of a round is the second of the next. */
export async function compare({ ours, echo }: Both, scale: Scale): Promise<Record<Kind, Comparison>> {
  const results = { valid: comparison(), refused: comparison() };
  for (const client of [ours, echo]) await client.turns(requests(scale.warmUp));
  for (let round = 0; round < scale.rounds; round += 1) {
    for (const kind of ['valid', 'refused'] as const) {
      const lines = requests(scale.requests, kind);
      const askOurs = (): Promise<void> => measure(ours, lines, kind, results[kind].ours);
      // It accepts everything.
      const askEcho = (): Promise<void> => measure(echo, lines, 'valid', results[kind].echo);
      for (const ask of round % 2 === 0 ? [askOurs, askEcho] : [askEcho, askOurs]) await ask();
    }
  }
  return results;
}

function comparison(): Comparison {
  return { ours: { rounds: [], samples: [] }, echo: { rounds: [], samples: [] } };
}

async function measure(client: Client, lines: string, kind: Kind, into: Measured): Promise<void> {
  const turns = await client.turns(lines);
  assertVerdicts(turns, kind);
  into.rounds.push(percentiles(turns.nanoseconds));
  into.samples.push(turns.nanoseconds);
}
