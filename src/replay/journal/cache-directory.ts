import { randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync, renameSync, symlinkSync, truncateSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DEVIATION_STEPS } from '../../credential/otp.js';
import { codeOf } from '../../errors.js';
import { ReplayCacheError } from '../errors.js';
import {
  assertOwn,
  writeFile,
  exists,
  explainFault,
  makeDirectory,
  makeStateDirectory,
} from '../state-directory.js';
import { appendsInOrder, fileSystemOf } from '../../system/file-systems.js';
import { covers, TimeStepRanges, type Range } from '../time-step-ranges.js';

/*
 * A replay cache is a directory with these entries:
 *
 * - `journal-N`: the used tokens of time step N (see time-step-journal.ts).
 * - `pruned-N-M`: an empty file. Tokens of these time steps are refused.
 * - `created`: a symbolic link to `N-RANDOM`, which names this replay cache. It was created in time step N.
 *
 * A symbolic link beside the directory, `replay-cache.began`, leads to the name of the first replay cache. Any other one is complete only if
 * the time steps until its creation are pruned: it replaces one that was removed.
 */
const ENTRY = /^(?:journal-(?<journal>\d{1,12})|pruned-(?<from>\d{1,12})-(?<to>\d{1,12}))$/;
const CREATED = 'created';
/** How many marks cover a time step at least, once there are so many. */
const KEPT_MARKS = 4;

/** What a process knows when it opens a replay cache. */
export interface Known {
  /** The name of the replay cache that it has used so far. */
  readonly name: string | undefined;
  /** The time steps that it knows to have been used. */
  readonly used: readonly Range[];
  readonly currentTimeStep: number;
  /** Called if it is unknown whether the file system is suitable. */
  readonly onWarning: (message: string) => void;
}

/** The entries of a replay cache at one instant: they are so few that they are read at once. */
export interface Entries {
  /** The name of the replay cache, or `undefined` if it is missing or incomplete. */
  readonly name: string | undefined;
  readonly pruned: readonly Range[];
  /** The time steps that have a journal. */
  readonly timeSteps: readonly number[];
  readonly unexpected: readonly string[];
}

/** Reads the names in a replay cache. If it is missing, there are none. */
export function readEntries(root: string): Entries {
  const pruned: Range[] = [];
  const timeSteps: number[] = [];
  const unexpected: string[] = [];
  for (const entry of attempt(() => readdirSync(root, { withFileTypes: true })) ?? []) {
    const { journal, from, to } = (entry.isFile() ? ENTRY.exec(entry.name)?.groups : undefined) ?? {};
    if (journal !== undefined) timeSteps.push(Number(journal));
    else if (to !== undefined) pruned.push({ from: Number(from), to: Number(to) });
    else if (entry.name !== CREATED) unexpected.push(entry.name);
  }
  const name = targetOf(join(root, CREATED));
  const isComplete =
    name !== undefined && (name === targetOf(beganOf(root)) || covers(pruned, creationOf(name)));
  return { name: isComplete ? name : undefined, pruned, timeSteps, unexpected };
}

/**
 * Opens the directory of a replay cache, and creates it if it is missing. Returns the name of the replay cache.
 *
 * @throws if another user could change it, or a directory that leads to it
 */
export function openCacheDirectory(root: string, known: Known): string {
  const { currentTimeStep, used } = known;
  makeStateDirectory(dirname(root));
  const isFirst = !exists(beganOf(root));
  makeDirectory(root);
  assertOwn(root, 'a directory');
  assertAppendsAtomic(root, known.onWarning);
  const created = join(root, CREATED);
  if (readEntries(root).name === undefined) {
    // It was removed, or a part of it, and so possibly the rest. A name that is left may be of a clock that was ahead.
    const last = Math.max(currentTimeStep, creationOf(targetOf(created) ?? '0'));
    if (!isFirst) markPruned(root, unknownUntil(last, used), currentTimeStep);
    makeLink(`${currentTimeStep}-${randomBytes(8).toString('hex')}`, created);
  }
  if (isFirst) makeLink(targetOf(created) ?? '', beganOf(root));
  const { name } = readEntries(root);
  if (name === undefined) {
    throw new ReplayCacheError(
      `${root}: another program changed it while xtokend created it: don't change it while xtokend runs`,
    );
  }
  if (known.name !== undefined && name !== known.name) {
    markPruned(root, unknownBefore(name, known), currentTimeStep);
  }
  return name;
}

/** @throws {@link ReplayCacheError} on a file system on which two processes could both be the first to append a token */
function assertAppendsAtomic(root: string, onWarning: (message: string) => void): void {
  const { name, appends } = fileSystemOf(root);
  const fix = 'set replay.path to a directory on a local disk, or set replay.store = "redis"';
  const isRefused = appends === 'not-atomic' || (appends === 'unknown' && !appendsInOrder(root));
  if (isRefused) {
    throw new ReplayCacheError(`${root}: it is on ${name}, where a token could be accepted twice: ${fix}`);
  }
  if (appends === 'unknown') {
    onWarning(`${root}: it is on ${name}, on which xtokend has not been tested: ${fix}`);
  }
}

/** Returns what a new replay cache lacks: all time steps until now, and those that a clock that was ahead has used. */
function unknownUntil(last: number, used: readonly Range[]): readonly Range[] {
  const unknown = new TimeStepRanges();
  for (const { from, to } of used) unknown.add(from, to);
  unknown.add(0, last + DEVIATION_STEPS);
  return unknown.ranges;
}

/**
 * Returns what a replay cache lacks if this process has used another one: all time steps until it was created. Not all until now:
 * otherwise each idle process would cause refusals at its next login. An earlier replay cache that was put back also lacks the tokens of
 * its successor.
 */
function unknownBefore(
  name: string,
  { name: before = name, used, currentTimeStep }: Known,
): readonly Range[] {
  const creation = creationOf(name);
  const isSuccessor = creation > creationOf(before);
  return unknownUntil(isSuccessor ? Math.min(creation, currentTimeStep) : currentTimeStep, used);
}

function creationOf(name: string): number {
  return Number.parseInt(name, 10);
}

/**
 * Marks time steps as pruned, and then removes their journals, by which other processes notice it (see time-step-journal.ts). Any number
 * of processes may do this at the same time.
 *
 * No mark is renamed, and a few that later ones cover stay: on Btrfs, a process that reads the directory meanwhile can miss a mark that
 * is new, and one that is removed.
 *
 * @param currentTimeStep merged marks must not come to cover it
 * @throws if a mark can't be made, or if an entry can't be removed; the others still are
 */
export function markPruned(root: string, ranges: readonly Range[], currentTimeStep: number): void {
  const { pruned, timeSteps } = readEntries(root);
  const marked = new TimeStepRanges();
  for (const { from, to } of [...pruned, ...ranges]) marked.add(from, to);
  marked.simplify(currentTimeStep);
  for (const whole of marked.ranges) {
    const journal = timeSteps.find((timeStep) => covers([whole], timeStep));
    if (!pruned.some((mark) => contains(mark, whole))) makeMark(root, whole, journal);
  }
  const obsolete = pruned.filter(
    (mark) => pruned.filter((other) => contains(other, mark)).length > KEPT_MARKS,
  );
  // Read again: a process that creates a journal from now on sees the marks.
  const expired = readEntries(root).timeSteps.filter((timeStep) => covers(marked.ranges, timeStep));
  removeAll([
    ...obsolete.map((mark) => markOf(root, mark)),
    ...expired.map((timeStep) => journalOf(root, timeStep)),
  ]);
}

/** @param journal the time step of a journal that the mark covers. If possible, the file becomes the mark, which needs no inode */
function makeMark(root: string, range: Range, journal: number | undefined): void {
  const mark = markOf(root, range);
  try {
    if (journal !== undefined) {
      renameSync(journalOf(root, journal), mark);
      truncateSync(mark);
      return;
    }
  } catch {
    // Another process was faster.
  }
  writeFile(mark, '');
}

function contains(range: Range, part: Range): boolean {
  return range.from <= part.from && part.to <= range.to;
}

function removeAll(paths: readonly string[]): void {
  let fault: Error | undefined;
  for (const path of paths) {
    try {
      attempt(() => {
        unlinkSync(path);
      });
    } catch (error) {
      fault ??= explainFault(path, error);
    }
  }
  if (fault !== undefined) throw fault;
}

/** Returns `undefined` if an entry is missing or exists already, as another process was faster, or if it is not a link. */
function attempt<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (['ENOENT', 'EEXIST', 'EINVAL'].includes(String(codeOf(error)))) return undefined;
    throw error;
  }
}

function makeLink(target: string, path: string): void {
  attempt(() => {
    symlinkSync(target, path);
  });
}

function targetOf(path: string): string | undefined {
  return attempt(() => readlinkSync(path));
}

function markOf(root: string, { from, to }: Range): string {
  return join(root, `pruned-${from}-${to}`);
}

/** Returns the path of a time step's journal. */
export function journalOf(root: string, timeStep: number): string {
  return join(root, `journal-${timeStep}`);
}

/** Returns the path of the symbolic link beside a replay cache. */
export function beganOf(root: string): string {
  return `${root}.began`;
}
