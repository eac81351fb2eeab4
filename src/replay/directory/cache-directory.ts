import { readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DEVIATION_STEPS } from '../../credential/otp.js';
import { codeOf } from '../../errors.js';
import { ReplayCacheError } from '../errors.js';
import { enterRanges, rangeName, readPruned, timeStepOf } from './pruned-time-steps.js';
import { fill, PRUNED, makeCacheDirectory, setMark } from './make-cache.js';
import { assertOwnDirectory, exists, makeStateDirectory } from './own-directory.js';
import { covers, TimeStepRanges, type Range } from '../time-step-ranges.js';

/** What a process knows when it opens a replay cache. */
export interface Known {
  /** The name of the replay cache that it has used so far. */
  readonly cache: string | undefined;
  /** The time steps that were started in it. */
  readonly used: readonly Range[];
  /** The current time step. */
  readonly present: number;
}

/**
 * Opens the directory of a replay cache, and creates it if it is missing. Returns the name of the replay cache.
 *
 * @throws if another user could change it, or a directory that leads to it
 */
export function openCacheDirectory(root: string, known: Known): string {
  makeStateDirectory(dirname(root));
  const lost = lostUntil(known.present, known.used);
  if (!exists(root)) makeCacheDirectory(root, lost, known.present);
  assertOwnDirectory(root);
  setMark(root);
  return openPruned(root, lost, known);
}

function openPruned(root: string, lost: readonly Range[], known: Known): string {
  const pruned = join(root, PRUNED);
  if (exists(pruned)) assertOwnDirectory(pruned);
  // A part of the replay cache was removed, and so possibly the rest.
  if (readPruned(pruned).cache === undefined) {
    fill(root, lost, known.present);
    moveCovered(root, lost);
  }
  const { cache } = readPruned(pruned);
  if (cache === undefined)
    throw new ReplayCacheError(
      `${root}: it was removed while it was created: don't change it while xtokend runs`,
    );
  if (known.cache !== undefined && cache !== known.cache) markPruned(root, lostBefore(cache, known));
  return cache;
}

/** Returns what a new replay cache can't know: all time steps until now, and those that a clock that was ahead has used. */
function lostUntil(last: number, used: readonly Range[]): readonly Range[] {
  const lost = new TimeStepRanges();
  for (const { from, to } of used) lost.add(from, to);
  lost.add(0, last + DEVIATION_STEPS);
  return lost.ranges;
}

/**
 * Returns what a replay cache can't know if this process has used another one: all time steps until it was created. Not all until
 * now: otherwise each idle process would make logins fail once more when it wakes. An earlier replay cache that is back again
 * does not know the tokens of its successor either.
 */
function lostBefore(cache: string, { cache: before = cache, used, present }: Known): readonly Range[] {
  const made = timeStepOf(cache);
  const isSuccessor = made > timeStepOf(before);
  return lostUntil(isSuccessor ? Math.min(made, present) : present, used);
}

/**
 * Marks time steps as pruned and moves their directories away, by which other processes notice it (see time-step-directory.ts).
 */
export function markPruned(root: string, ranges: readonly Range[]): void {
  const pruned = join(root, PRUNED);
  const known = new TimeStepRanges();
  for (const { from, to } of readPruned(pruned).ranges) known.add(from, to);
  const news = ranges.filter(
    ({ from, to }) => !known.ranges.some((other) => other.from <= from && to <= other.to),
  );
  enterRanges(pruned, news);
  moveCovered(root, news);
}

function moveCovered(root: string, ranges: readonly Range[]): void {
  for (const name of readdirSync(root)) {
    const timeStep = parseTimeStep(name);
    if (timeStep === undefined || !covers(ranges, timeStep)) continue;
    try {
      renameSync(join(root, name), join(root, PRUNED, rangeName({ from: timeStep, to: timeStep })));
    } catch (error) {
      // Another process was faster, or the time step was pruned before and not started since.
      if (!['ENOENT', 'EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(String(codeOf(error)))) throw error;
    }
  }
}

/** Returns the time steps that a replay cache has entries of, and those that it has pruned. */
export function readTimeSteps(root: string): readonly Range[] {
  const timeSteps = readdirSync(root).flatMap((name) => parseTimeStep(name) ?? []);
  return [
    ...timeSteps.map((timeStep) => ({ from: timeStep, to: timeStep })),
    ...readPruned(join(root, PRUNED)).ranges,
  ];
}

/** Returns the time step of a directory with this name, or `undefined` if it is another entry. */
export function parseTimeStep(name: string): number | undefined {
  return /^\d{1,12}$/.test(name) ? Number(name) : undefined;
}
