import type { Dirent } from 'node:fs';
import { lstat, opendir, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { TIME_STEP_MILLISECONDS } from '../../credential/otp.js';
import { rangeName, simplify, succeeds } from './pruned-steps.js';
import { FORGOTTEN } from './make-cache.js';
import { parseTimeStep } from './cache-directory.js';

/** The name of a used token's file: a SHA-256 in base64url (RFC 4648, section 5). */
const TOKEN_FILE = /^[\w-]{43}$/;
/** Whoever moved a step away empties it at once; what was not touched for so long was left behind by a dead process. */
const ORPHAN_MILLISECONDS = 120_000;

/** What {@link pruneDirectory} works with. */
export interface PruneOptions {
  /** The directory of the record. */
  readonly root: string;
  /** Earlier time steps than this one are finished. */
  readonly oldest: number;
  /** The time step of the present. */
  readonly present: number;
  /** Is told the path of whatever is not ours; it is left alone. */
  readonly onUnexpectedEntry: (path: string) => void;
  /** Is told what keeps one thing from being removed; all others are. */
  readonly onFault: (path: string, error: unknown) => void;
}

/**
 * Removes the finished time steps of a record. Any number of processes may do this at the same time.
 *
 * @throws where the record cannot be read; what is left is removed another time
 */
export async function pruneDirectory(options: PruneOptions): Promise<void> {
  const { root, oldest, present, onUnexpectedEntry, onFault } = options;
  const forgotten = join(root, FORGOTTEN);
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (entry.name === FORGOTTEN) continue;
    const timeStep = parseTimeStep(entry.name);
    if (timeStep === undefined || !entry.isDirectory()) onUnexpectedEntry(join(root, entry.name));
    else if (timeStep < oldest) await attempt(options, join(root, entry.name), forgetStep(options, timeStep));
  }
  await emptyOrphans(options, forgotten, present * TIME_STEP_MILLISECONDS);
  await simplify(forgotten, present).catch((error: unknown) => {
    onFault(forgotten, error);
  });
}

/** What is wrong with one entry must not keep the others from being removed: they would fill the disk. */
async function attempt({ onFault }: PruneOptions, path: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    onFault(path, error);
  }
}

async function forgetStep(options: PruneOptions, timeStep: number): Promise<void> {
  const { root } = options;
  const target = join(root, FORGOTTEN, rangeName({ from: timeStep, to: timeStep }));
  // One of several processes succeeds, and empties it.
  if (await succeeds(rename(join(root, String(timeStep)), target))) await succeeds(empty(options, target));
}

async function emptyOrphans(options: PruneOptions, forgotten: string, now: number): Promise<void> {
  for (const entry of await readdir(forgotten, { withFileTypes: true })) {
    const path = join(forgotten, entry.name);
    if (entry.isDirectory()) await attempt(options, path, emptyOrphan(options, path, now));
    else options.onUnexpectedEntry(path);
  }
}

async function emptyOrphan(options: PruneOptions, path: string, now: number): Promise<void> {
  const changed = await lstat(path).then(
    ({ ctimeMs }) => ctimeMs,
    // Another process has just renamed it.
    () => now,
  );
  if (Math.abs(now - changed) > ORPHAN_MILLISECONDS) await succeeds(empty(options, path));
}

/** One file after the other, each awaited: many files at once would keep logins waiting. */
async function empty(options: PruneOptions, folder: string): Promise<void> {
  const directory = await opendir(folder);
  for await (const entry of directory) {
    const path = join(folder, entry.name);
    if (isToken(entry)) await attempt(options, path, succeeds(unlink(path)));
    else options.onUnexpectedEntry(path);
  }
}

function isToken(entry: Dirent): boolean {
  return entry.isFile() && TOKEN_FILE.test(entry.name);
}
