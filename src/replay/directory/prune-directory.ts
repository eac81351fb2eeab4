import type { Dirent } from 'node:fs';
import { lstat, opendir, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { TIME_STEP_MILLISECONDS } from '../../credential/otp.js';
import { rangeName, simplify, succeeds } from './pruned-time-steps.js';
import { PRUNED } from './make-cache.js';
import { parseTimeStep } from './cache-directory.js';

/** The name of a used token's file: a SHA-256 in base64url (RFC 4648, section 5). */
const TOKEN_FILE = /^[\w-]{43}$/;
/** A process that moves a time step away empties it at once. If it is unchanged for this long, that process has ended. */
const ORPHAN_MILLISECONDS = 120_000;

/** Options of {@link pruneDirectory}. */
export interface PruneOptions {
  /** The directory of the replay cache. */
  readonly root: string;
  /** Earlier time steps are pruned. */
  readonly oldest: number;
  /** The current time step. */
  readonly present: number;
  /** Called with the path of each unexpected entry, which stays. */
  readonly onUnexpectedEntry: (path: string) => void;
  /** Called with each entry that can't be removed; the others still are. */
  readonly onFault: (path: string, error: unknown) => void;
}

/**
 * Removes the data of expired time steps. Any number of processes may do this at the same time.
 *
 * @throws if the replay cache can't be read; the rest is removed another time
 */
export async function pruneDirectory(options: PruneOptions): Promise<void> {
  const { root, oldest, present, onUnexpectedEntry, onFault } = options;
  const pruned = join(root, PRUNED);
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (entry.name === PRUNED) continue;
    const timeStep = parseTimeStep(entry.name);
    if (timeStep === undefined || !entry.isDirectory()) onUnexpectedEntry(join(root, entry.name));
    else if (timeStep < oldest)
      await attempt(options, join(root, entry.name), pruneTimeStep(options, timeStep));
  }
  await emptyOrphans(options, pruned, present * TIME_STEP_MILLISECONDS);
  await simplify(pruned, present).catch((error: unknown) => {
    onFault(pruned, error);
  });
}

/** A fault of one entry must not prevent the removal of the others: they would fill the disk. */
async function attempt({ onFault }: PruneOptions, path: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    onFault(path, error);
  }
}

async function pruneTimeStep(options: PruneOptions, timeStep: number): Promise<void> {
  const { root } = options;
  const target = join(root, PRUNED, rangeName({ from: timeStep, to: timeStep }));
  // One of several processes succeeds, and empties the directory.
  if (await succeeds(rename(join(root, String(timeStep)), target))) await succeeds(empty(options, target));
}

async function emptyOrphans(options: PruneOptions, pruned: string, now: number): Promise<void> {
  for (const entry of await readdir(pruned, { withFileTypes: true })) {
    const path = join(pruned, entry.name);
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

/** Removes one file after the other: many at once would delay logins. */
async function empty(options: PruneOptions, directoryPath: string): Promise<void> {
  const directory = await opendir(directoryPath);
  for await (const entry of directory) {
    const path = join(directoryPath, entry.name);
    if (isToken(entry)) await attempt(options, path, succeeds(unlink(path)));
    else options.onUnexpectedEntry(path);
  }
}

function isToken(entry: Dirent): boolean {
  return entry.isFile() && TOKEN_FILE.test(entry.name);
}
