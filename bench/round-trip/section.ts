import { say } from '../support/clean-up.js';
import { differences, ratios, spread, verdictOn, type Percentiles } from '../support/figures.js';
import type { Kind } from '../support/requests.js';
import type { SectionOptions } from '../support/section.js';
import { markdownTable } from '../support/table.js';
import { compare, type Comparison, type Scale } from './compare.js';
import type { Case } from './subjects.js';
import { withBoth } from './subjects.js';
import { measureTail, prepareTail, type TailScale } from './tail.js';
import { writePlot, type Series } from './plot.js';

const HEAD = [
  'transport',
  'asked by',
  'request',
  'xtokend p50 µs',
  'echo p50 µs',
  'above it µs',
  'ratio of p50',
  'at most',
  'ratio of p99',
  'at most 1.6',
];
const CASES: readonly Case[] = [
  { transport: 'pipe', client: 'C', placement: 'two cores' },
  { transport: 'pipe', client: 'C', placement: 'one core' },
  { transport: 'pipe', client: 'Node', placement: 'anywhere' },
  { transport: 'socket', client: 'C', placement: 'two cores' },
  { transport: 'socket', client: 'C', placement: 'one core' },
  { transport: 'socket', client: 'Node', placement: 'anywhere' },
  { transport: 'terminal', client: 'C', placement: 'two cores' },
  { transport: 'terminal', client: 'C', placement: 'one core' },
];
/** As it is on a machine where the server has a core of its own. */
const TAILED: Case = { transport: 'socket', client: 'C', placement: 'two cores' };
/** The targets: what the p50 and the p99 may be, of those of the echo. */
const MOST_P50 = { pipe: 1.25, socket: 1.25, terminal: 1.4 };
const MOST_P99 = 1.6;

const FULL: Scale = { warmUp: 5000, rounds: 9, requests: 2000 };
const FULL_TAIL: TailScale = { warmUp: 0, rounds: 10, requests: 5000, logins: 30_000 };
const SMOKE: Scale = { warmUp: 5, rounds: 1, requests: 20 };

/** One request after the other's answer, beside a program in C that answers at once. */
export async function roundTrip(options: SectionOptions): Promise<Record<string, string>> {
  const scale = options.isSmoke ? SMOKE : FULL;
  const tailScale = options.isSmoke ? { ...SMOKE, logins: 5 } : FULL_TAIL;
  return withBoth(options, TAILED, async (tailed) => {
    await prepareTail(tailed, tailScale);
    const rows: string[][] = [];
    const series: Series[] = [];
    for (const each of CASES) {
      const results = await withBoth(options, each, (both) => compare(both, scale));
      for (const kind of ['valid', 'refused'] as const) rows.push(rowOf(each, kind, results[kind]));
      if (each.placement === 'two cores') series.push(seriesOf(each, results.valid));
      say(`round trip: ${each.transport}, asked by ${nameOf(each)}`);
    }
    if (!options.isSmoke) writePlot(series);
    return { 'round-trip': markdownTable(HEAD, rows), tail: await measureTail(tailed, tailScale) };
  });
}

function nameOf({ client, placement }: Case): string {
  return placement === 'anywhere' ? client : `${client}, ${placement}`;
}

function rowOf(each: Case, kind: Kind, { ours, echo }: Comparison): string[] {
  const values = (rounds: readonly Percentiles[], field: keyof Percentiles): number[] =>
    rounds.map((round) => round[field]);
  const ratio = (field: keyof Percentiles): number[] =>
    ratios(values(ours.rounds, field), values(echo.rounds, field));
  return [
    each.transport,
    nameOf(each),
    kind,
    spread(values(ours.rounds, 'p50'), 0),
    spread(values(echo.rounds, 'p50'), 0),
    spread(differences(values(ours.rounds, 'p50'), values(echo.rounds, 'p50')), 0),
    spread(ratio('p50'), 2),
    `${MOST_P50[each.transport]}: ${verdictOn(ratio('p50'), MOST_P50[each.transport])}`,
    spread(ratio('p99'), 2),
    verdictOn(ratio('p99'), MOST_P99),
  ];
}

function seriesOf({ transport }: Case, { ours, echo }: Comparison): Series {
  const microseconds = (samples: readonly Uint32Array[]): number[] =>
    samples.flatMap((each) => [...each].map((sample) => sample / 1000));
  return { transport, ours: microseconds(ours.samples), echo: microseconds(echo.samples) };
}
