import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../errors.js';
import { exists, makeDirectory } from './own-directory.js';
import { enterRanges, enterName } from './pruned-time-steps.js';
import type { Range } from '../time-step-ranges.js';

/** The directory of the pruned time steps in a replay cache. */
export const PRUNED = 'forgotten';

/*
 * A mark beside the replay cache, the directory `used-tokens.began`, distinguishes one that was removed from one that was never
 * there: if there is a mark, a missing replay cache is created with all time steps until now pruned.
 *
 * The first replay cache is created aside, as `used-tokens.new-NAME`. Then the mark is set atomically, with NAME in it: of several
 * processes that start at the same time one succeeds. Last, any process moves the replay cache that the mark names into its place.
 * So if a process crashes or finds the disk full, the next one continues, and no login fails. As no replay cache is in its place before
 * the mark, it can't be removed without a trace, except together with the mark.
 */
const BEGAN = 'began';

/** Returns the path of the mark beside a replay cache. */
export function markOf(root: string): string {
  return `${root}.${BEGAN}`;
}

/**
 * Creates a missing replay cache. Other processes may do the same at the same time: one of them succeeds.
 *
 * @param root its path
 * @param lost the time steps to mark as pruned, unless it is the first replay cache
 * @param present the current time step
 */
export function makeCacheDirectory(root: string, lost: readonly Range[], present: number): void {
  if (!exists(markOf(root))) beginFirst(root, present);
  if (placeFirst(root) || exists(root)) return;
  const aside = asideOf(root, randomName());
  makeAside(aside, () => {
    fill(aside, lost, present);
    return moveInto(aside, root);
  });
}

/** Sets the mark beside a replay cache that is in its place, in case somebody has removed the mark. */
export function setMark(root: string): void {
  makeDirectory(markOf(root));
}

/** Creates the missing parts of a replay cache. Its name comes last: with a name it counts as complete. */
export function fill(cache: string, lost: readonly Range[], present: number): void {
  const pruned = join(cache, PRUNED);
  makeDirectory(pruned);
  enterRanges(pruned, lost);
  enterName(pruned, present);
}

function beginFirst(root: string, present: number): void {
  const name = randomName();
  const aside = asideOf(root, name);
  makeAside(aside, () => {
    fill(aside, [], present);
    mkdirSync(join(aside, BEGAN), { mode: 0o700 });
    mkdirSync(join(aside, BEGAN, name), { mode: 0o700 });
    return moveInto(join(aside, BEGAN), markOf(root));
  });
}

/** Returns whether this call has moved the first replay cache into its place. */
function placeFirst(root: string): boolean {
  const [name] = readdirSync(markOf(root));
  if (name === undefined) return false;
  const aside = asideOf(root, name);
  if (moveInto(aside, root)) return true;
  // It must not become the first again when the one of the faster process is gone.
  if (exists(aside)) rmSync(aside, { recursive: true, force: true });
  return false;
}

/** @param make returns whether its result is used; if not, the directory is removed */
function makeAside(aside: string, make: () => boolean): void {
  let isUsed = false;
  try {
    mkdirSync(aside, { mode: 0o700 });
    isUsed = make();
  } finally {
    if (!isUsed) rmSync(aside, { recursive: true, force: true });
  }
}

/** Returns whether it was moved; `false` if another process was faster. */
function moveInto(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (['ENOENT', 'EEXIST', 'ENOTEMPTY'].includes(String(codeOf(error)))) return false;
    throw error;
  }
}

function asideOf(root: string, name: string): string {
  return `${root}.new-${name}`;
}

function randomName(): string {
  return randomBytes(8).toString('hex');
}
