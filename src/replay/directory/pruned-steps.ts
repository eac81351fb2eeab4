import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../errors.js';
import { StepRanges, type Range } from './step-ranges.js';

/*
 * The directory `forgotten` of a record has a name for each range of time steps that the record knows nothing of any more,
 * such as `59440000-59443210`, and one that tells this record from every other. All are directories: a finished step is
 * forgotten by being moved here, which says so and removes it at one stroke, and needs no room on a full disk.
 */

/** `record-`, the time step in which it was made, and something random. */
const RECORD = /^record-(\d{1,12})-[0-9a-f]{16}$/;

/** What `forgotten` said at one instant. */
export interface Forgotten {
  /** The name of the record, or `undefined` where there is none: the record is gone. */
  readonly cache: string | undefined;
  readonly ranges: readonly Range[];
}

/** Reads `forgotten`. Its entries are few, and come in one piece: it is never seen in the middle of a change. */
export function readForgotten(directory: string): Forgotten {
  try {
    return parse(readdirSync(directory));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return parse([]);
    throw error;
  }
}

/** @returns the name of a range's entry */
export function rangeName({ from, to }: Range): string {
  return `${from}-${to}`;
}

/** Enters that the record knows nothing of some steps. */
export function enterRanges(directory: string, ranges: readonly Range[]): void {
  for (const range of ranges) makeDirectory(join(directory, rangeName(range)));
}

/** Enters a name for the record, which says in which step it was made. */
export function nameRecord(directory: string, timeStep: number): void {
  makeDirectory(join(directory, `record-${timeStep}-${randomBytes(8).toString('hex')}`));
}

/** @returns the time step in which a record of this name was made */
export function stepOfRecord(cache: string): number {
  return Number(RECORD.exec(cache)?.[1]);
}

/** @returns whether it was made; not where there is something of that name already */
export function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Makes few entries of many. What they say together never shrinks meanwhile, even if several processes do this at the same
 * time: an entry is removed only when another that covers it is there.
 *
 * @param present the current step, which the entries must not come to cover
 */
export async function simplify(directory: string, present: number): Promise<void> {
  const { ranges } = parse(await readdir(directory));
  const simplified = new StepRanges();
  for (const { from, to } of ranges) simplified.add(from, to);
  simplified.simplify(present);
  for (const whole of simplified.ranges) {
    const parts = ranges.filter(({ from, to }) => whole.from <= from && to <= whole.to);
    await replace(directory, parts, whole);
  }
}

async function replace(directory: string, parts: readonly Range[], whole: Range): Promise<void> {
  const names = parts.map((part) => rangeName(part));
  const target = rangeName(whole);
  const [first] = names;
  if (first === undefined) return;
  // Renamed, not made: that works on a full disk, too. Another process may have been faster; then it does the rest.
  if (!names.includes(target) && !(await succeeds(rename(join(directory, first), join(directory, target)))))
    return;
  for (const name of names) {
    if (name !== target) await succeeds(rmdir(join(directory, name)));
  }
}

/**
 * @returns whether it was done; not where another process was faster or has not emptied the directory yet, nor where
 *   something foreign is in its way
 */
export async function succeeds(change: Promise<void>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    if (['ENOENT', 'EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(String(codeOf(error)))) return false;
    throw error;
  }
}

function parse(names: readonly string[]): Forgotten {
  return {
    // There are two where two processes made up for a loss at the same moment: all take the same of them.
    cache: names.filter((name) => RECORD.test(name)).sort()[0],
    ranges: names.flatMap((name) => {
      const [, from, to] = /^(\d{1,12})-(\d{1,12})$/.exec(name) ?? [];
      return from === undefined ? [] : [{ from: Number(from), to: Number(to) }];
    }),
  };
}
