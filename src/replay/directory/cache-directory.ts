import { readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DEVIATION_STEPS } from '../../credential/otp.js';
import { codeOf } from '../../errors.js';
import { ReplayCacheError } from '../errors.js';
import { enterRanges, rangeName, readForgotten, stepOfRecord } from './pruned-steps.js';
import { fill, FORGOTTEN, makeCacheDirectory, setMark } from './make-cache.js';
import { assertOwnDirectory, exists, makeStateDirectory } from './own-directory.js';
import { covers, StepRanges, type Range } from './step-ranges.js';

/** What a process knows when it opens a record. */
export interface Known {
  /** The name of the record that it has used so far. */
  readonly cache: string | undefined;
  /** The time steps that were begun in it. */
  readonly used: readonly Range[];
  /** The time step of the present. */
  readonly present: number;
}

/**
 * Opens the directory of a record, and makes it where it is missing.
 *
 * @returns the record's name
 * @throws where it, or what holds it, is not safe from other users
 */
export function openCacheDirectory(root: string, known: Known): string {
  makeStateDirectory(dirname(root));
  const lost = lostUntil(known.present, known.used);
  if (!exists(root)) makeCacheDirectory(root, lost, known.present);
  assertOwnDirectory(root);
  setMark(root);
  return openForgotten(root, lost, known);
}

function openForgotten(root: string, lost: readonly Range[], known: Known): string {
  const forgotten = join(root, FORGOTTEN);
  if (exists(forgotten)) assertOwnDirectory(forgotten);
  // Somebody has removed a part of the record, and who knows what else.
  if (readForgotten(forgotten).cache === undefined) {
    fill(root, lost, known.present);
    moveCovered(root, lost);
  }
  const { cache } = readForgotten(forgotten);
  if (cache === undefined)
    throw new ReplayCacheError(`${root}: it was removed while it was made: leave it in peace`);
  if (known.cache !== undefined && cache !== known.cache) release(root, lostBefore(cache, known));
  return cache;
}

/** What a record that has just been made anew knows nothing of: all until now, and what a clock that was ahead has brought. */
function lostUntil(last: number, used: readonly Range[]): readonly Range[] {
  const lost = new StepRanges();
  for (const { from, to } of used) lost.add(from, to);
  lost.add(0, last + DEVIATION_STEPS);
  return lost.ranges;
}

/**
 * What a record knows nothing of that is not the one that this process has used: all until it was made, and no more. Were it all
 * until now, every idle process would keep everybody out once more when it wakes. But an earlier one that is back again
 * knows nothing of its successor either.
 */
function lostBefore(cache: string, { cache: before = cache, used, present }: Known): readonly Range[] {
  const made = stepOfRecord(cache);
  const isSuccessor = made > stepOfRecord(before);
  return lostUntil(isSuccessor ? Math.min(made, present) : present, used);
}

/**
 * Enters that a record knows nothing of some steps, and takes their directories away: other processes that have begun them
 * learn of it by that (see step-directory.ts).
 */
export function release(root: string, ranges: readonly Range[]): void {
  const forgotten = join(root, FORGOTTEN);
  const known = new StepRanges();
  for (const { from, to } of readForgotten(forgotten).ranges) known.add(from, to);
  const news = ranges.filter(
    ({ from, to }) => !known.ranges.some((other) => other.from <= from && to <= other.to),
  );
  enterRanges(forgotten, news);
  moveCovered(root, news);
}

function moveCovered(root: string, ranges: readonly Range[]): void {
  for (const name of readdirSync(root)) {
    const timeStep = parseTimeStep(name);
    if (timeStep === undefined || !covers(ranges, timeStep)) continue;
    try {
      renameSync(join(root, name), join(root, FORGOTTEN, rangeName({ from: timeStep, to: timeStep })));
    } catch (error) {
      // Another process was faster; or the step had been forgotten before, and nobody has begun it since.
      if (!['ENOENT', 'EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(String(codeOf(error)))) throw error;
    }
  }
}

/** @returns the time steps that a record has entries of, and those that it has forgotten */
export function readSteps(root: string): readonly Range[] {
  const timeSteps = readdirSync(root).flatMap((name) => parseTimeStep(name) ?? []);
  return [
    ...timeSteps.map((timeStep) => ({ from: timeStep, to: timeStep })),
    ...readForgotten(join(root, FORGOTTEN)).ranges,
  ];
}

/** @returns the time step whose entries a directory of this name holds, where it is one */
export function parseTimeStep(name: string): number | undefined {
  return /^\d{1,12}$/.test(name) ? Number(name) : undefined;
}
