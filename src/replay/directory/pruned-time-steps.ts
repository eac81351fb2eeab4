import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../errors.js';
import { TimeStepRanges, type Range } from '../time-step-ranges.js';
import { makeDirectory } from './own-directory.js';

/*
 * The directory `forgotten` of a replay cache has an entry for each range of pruned time steps, such as `59440000-59443210`, and one that
 * names this replay cache. All entries are directories: a time step is pruned by moving it here, which marks and removes it atomically, and
 * needs no space on a full disk.
 *
 * `used-tokens`, `forgotten` and `record-` are the on-disk format: another name would make each existing replay cache look removed.
 */

/** `record-`, the time step in which the replay cache was created, and a random number. */
const NAME = /^record-(\d{1,12})-[0-9a-f]{16}$/;

/** The content of `forgotten` at one instant. */
export interface Pruned {
  /** The name of the replay cache, or `undefined` if the replay cache is gone. */
  readonly cache: string | undefined;
  readonly ranges: readonly Range[];
}

/** Reads `forgotten`. Its entries are so few that they are read at once, and never during a change. */
export function readPruned(directory: string): Pruned {
  try {
    return parse(readdirSync(directory));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return parse([]);
    throw error;
  }
}

/** Returns the name of a range's entry. */
export function rangeName({ from, to }: Range): string {
  return `${from}-${to}`;
}

/** Marks time steps as pruned. */
export function enterRanges(directory: string, ranges: readonly Range[]): void {
  for (const range of ranges) makeDirectory(join(directory, rangeName(range)));
}

/** Enters a name for the replay cache, with the time step in which it was created. */
export function enterName(directory: string, timeStep: number): void {
  makeDirectory(join(directory, `record-${timeStep}-${randomBytes(8).toString('hex')}`));
}

/** Returns the time step in which a replay cache of this name was created. */
export function timeStepOf(cache: string): number {
  return Number(NAME.exec(cache)?.[1]);
}

/**
 * Merges many entries into few. The time steps that they cover never shrink meanwhile, even if several processes do this at the same
 * time: an entry is removed only after another one covers it.
 *
 * @param present the current time step, which the entries must not come to cover
 */
export async function simplify(directory: string, present: number): Promise<void> {
  const { ranges } = parse(await readdir(directory));
  const simplified = new TimeStepRanges();
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
  // Renamed, not created: that works on a full disk, too. If another process was faster, it does the rest.
  if (!names.includes(target) && !(await succeeds(rename(join(directory, first), join(directory, target)))))
    return;
  for (const name of names) {
    if (name !== target) await succeeds(rmdir(join(directory, name)));
  }
}

/**
 * Returns whether a change was done; `false` if another process was faster or has not emptied the directory yet, or if an unexpected
 * entry is in the way.
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

function parse(names: readonly string[]): Pruned {
  return {
    // There are two if two processes have replaced a lost one at the same time: all processes take the same one.
    cache: names.filter((name) => NAME.test(name)).sort()[0],
    ranges: names.flatMap((name) => {
      const [, from, to] = /^(\d{1,12})-(\d{1,12})$/.exec(name) ?? [];
      return from === undefined ? [] : [{ from: Number(from), to: Number(to) }];
    }),
  };
}
