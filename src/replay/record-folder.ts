import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../errors.js';
import { RecordError } from './errors.js';
import { forget, makeDirectory, nameRecord, readForgotten } from './forgotten-steps.js';
import type { Range } from './step-ranges.js';

/** The directory in a record that says what is forgotten. */
export const FORGOTTEN = 'forgotten';

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Opens the directory of a record, and makes it where it is missing.
 *
 * @param root its path
 * @param lost what a record that had to be made anew knows nothing of
 * @param before the record that was there before, where this process has used one
 * @returns the record's name
 * @throws where it, or what holds it, is not safe from other users
 */
export function openRecordFolder(root: string, lost: readonly Range[], before: string | undefined): string {
  const parent = dirname(root);
  makeDirectories(parent);
  assertSafeParent(parent);
  if (!exists(root)) build(root, before === undefined ? [] : lost);
  assertOwnDirectory(root);
  const forgotten = join(root, FORGOTTEN);
  // Somebody has removed a part of the record, and who knows what else.
  if (readForgotten(forgotten).record === undefined) fill(forgotten, lost);
  const { record } = readForgotten(forgotten);
  if (record === undefined)
    throw new RecordError(`${root}: it was removed while it was made: leave it in peace`);
  if (before !== undefined && record !== before) for (const range of lost) forget(forgotten, range);
  return record;
}

/** @returns the time steps that a record has entries of, and those that it has forgotten */
export function readSteps(root: string): readonly Range[] {
  const steps = readdirSync(root).flatMap((name) => parseStep(name) ?? []);
  return [...steps.map((step) => ({ from: step, to: step })), ...readForgotten(join(root, FORGOTTEN)).ranges];
}

/** @returns the time step whose entries a directory of this name holds, where it is one */
export function parseStep(name: string): number | undefined {
  return /^\d{1,12}$/.test(name) ? Number(name) : undefined;
}

/**
 * @throws {@link RecordError} where a path is anything but a directory of this user's that nobody else can change
 */
export function assertOwnDirectory(path: string): void {
  const stats = lstatSync(path);
  if (!stats.isDirectory()) {
    throw new RecordError(`${path}: expected a directory, found ${kindOf(stats)}: remove it`);
  }
  const uid = process.getuid?.();
  if (stats.uid !== uid) {
    throw new RecordError(
      `${path}: expected a directory of uid ${String(uid)}, found one of uid ${stats.uid}: run xtokend as that user, or remove it`,
    );
  }
  if ((stats.mode & WRITABLE_BY_OTHERS) !== 0) {
    throw new RecordError(
      `${path}: other users can write there, and so make used tokens good again; run: chmod go-w '${path}'`,
    );
  }
}

/** Who can write to the directory that a record stands in can remove it. */
function assertSafeParent(path: string): void {
  const { uid, mode } = statSync(path);
  const isOpen = (mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0;
  if (isOpen) {
    throw new RecordError(
      `${path}: other users can write there, and so remove the record of used tokens; run: chmod go-w '${path}'`,
    );
  }
  if (uid !== 0 && uid !== process.getuid?.()) {
    throw new RecordError(
      `${path}: it belongs to uid ${uid}, who could remove the record of used tokens: run xtokend as that user, or take another directory`,
    );
  }
}

/** Makes the record aside, and moves it into its place when it is whole: no process sees half of it. */
function build(root: string, lost: readonly Range[]): void {
  const aside = `${root}.new-${randomBytes(8).toString('hex')}`;
  try {
    mkdirSync(aside, { mode: 0o700 });
    fill(join(aside, FORGOTTEN), lost);
    renameSync(aside, root);
  } catch (error) {
    // Another process was faster.
    if (!['EEXIST', 'ENOTEMPTY'].includes(String(codeOf(error)))) throw error;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

// The name comes last: with it the record counts as whole.
function fill(forgotten: string, lost: readonly Range[]): void {
  makeDirectory(forgotten);
  for (const range of lost) forget(forgotten, range);
  nameRecord(forgotten);
}

/** Not Node's own `recursive`: on /proc, and wherever else a new directory is not found, that goes on for ever. */
function makeDirectories(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  makeDirectories(dirname(path));
  makeDirectory(path);
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  return stats.isFile() ? 'a file' : 'something else';
}
