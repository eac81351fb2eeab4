import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../errors.js';
import { enterRanges, makeDirectory, nameRecord } from './pruned-steps.js';
import { exists } from './own-directory.js';
import type { Range } from './step-ranges.js';

/** The directory in a record that says what is forgotten. */
export const FORGOTTEN = 'forgotten';

/*
 * Beside the record stands a mark, the directory `used-tokens.began`. It tells a record that was removed from one that was
 * never there: with the mark, a missing record is made anew with all steps until now forgotten.
 *
 * The first record is made aside, whole, as `used-tokens.new-NAME`. Then the mark is set, with NAME in it, at one stroke: of
 * several processes that start at the same time one succeeds. Last, the record that the mark names is moved into its place,
 * by whichever process comes first. So wherever one of them dies, or finds the disk full, the next goes on, and keeps nobody
 * out; and as no record is in its place before the mark, none can be removed without a trace, but together with it.
 */
const BEGAN = 'began';

/** @returns the path of the mark beside a record */
export function markOf(root: string): string {
  return `${root}.${BEGAN}`;
}

/**
 * Makes a record that is missing. Others may do the same at that moment: then there is one, of whomever.
 *
 * @param root its path
 * @param lost what it knows nothing of, unless it is the first
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

/** Sets the mark beside a record that is in its place, where somebody has removed it. */
export function setMark(root: string): void {
  makeDirectory(markOf(root));
}

/** Makes what every record has, or what is missing of it. Its name comes last: with it the record counts as whole. */
export function fill(cache: string, lost: readonly Range[], present: number): void {
  const forgotten = join(cache, FORGOTTEN);
  makeDirectory(forgotten);
  enterRanges(forgotten, lost);
  nameRecord(forgotten, present);
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

/** @returns whether the first record was moved into its place just now */
function placeFirst(root: string): boolean {
  const [name] = readdirSync(markOf(root));
  if (name === undefined) return false;
  const aside = asideOf(root, name);
  if (moveInto(aside, root)) return true;
  // It must not be taken for the first once more, when the one that was faster is gone.
  if (exists(aside)) rmSync(aside, { recursive: true, force: true });
  return false;
}

/** @param make returns whether what it has made is of use; if not, it is removed */
function makeAside(aside: string, make: () => boolean): void {
  let isOfUse = false;
  try {
    mkdirSync(aside, { mode: 0o700 });
    isOfUse = make();
  } finally {
    if (!isOfUse) rmSync(aside, { recursive: true, force: true });
  }
}

/** @returns whether it was moved; not where another process was faster */
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
