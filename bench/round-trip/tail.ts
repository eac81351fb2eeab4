import { setTimeout as sleep } from 'node:timers/promises';
import { timeStepAt, TIME_STEP_MILLISECONDS } from '../../src/credential/otp.js';
import { format, percentiles } from '../support/figures.js';
import { requests } from '../support/requests.js';
import { markdownTable } from '../support/table.js';
import { compare, type Comparison, type Scale } from './compare.js';
import type { Both } from './subjects.js';

const SLOW_NANOSECONDS = 20e6;
/** When before a new time step the tail begins to be measured. */
const LEAD_MILLISECONDS = 6000;
const HEAD = ['', 'answers', 'p50 µs', 'p99 µs', 'worst µs', 'over 20 ms'];

/** How much is asked for the tail. */
export interface TailScale extends Scale {
  /** Logins long before, whose entries in the record are removed while the tail is measured. */
  readonly logins: number;
}

/** Leaves entries in the record that are to be pruned two and a half minutes later. */
export async function prepareTail({ ours }: Both, { logins }: TailScale): Promise<void> {
  await ours.turns(requests(logins));
}

/** @returns a table of the slowest of many answers; in the midst of them a time step begins, and the record is pruned */
export async function measureTail(both: Both, scale: TailScale): Promise<string> {
  const isLong = scale.requests > 1000;
  if (isLong) await sleep(untilNextStep());
  const before = timeStepAt(Date.now());
  const { valid, refused } = await compare(both, scale);
  const timeSteps = timeStepAt(Date.now()) - before;
  if (isLong && timeSteps === 0) throw new Error('expected a new time step while the tail was measured');
  const rows = [
    ['xtokend', ...cellsOf(valid, refused, 'ours')],
    ['echo in C', ...cellsOf(valid, refused, 'echo')],
  ];
  return markdownTable(HEAD, rows);
}

function untilNextStep(): number {
  const left = TIME_STEP_MILLISECONDS - (Date.now() % TIME_STEP_MILLISECONDS);
  return (left - LEAD_MILLISECONDS + TIME_STEP_MILLISECONDS) % TIME_STEP_MILLISECONDS;
}

function cellsOf(valid: Comparison, refused: Comparison, who: keyof Comparison): string[] {
  const all = Uint32Array.from([...valid[who].samples, ...refused[who].samples].flatMap((each) => [...each]));
  const { p50, p99, worst } = percentiles(all);
  const slow = all.filter((sample) => sample > SLOW_NANOSECONDS).length;
  return [format(all.length, 0), format(p50, 0), format(p99, 0), format(worst, 0), format(slow, 0)];
}
