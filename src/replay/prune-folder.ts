import { opendir, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { STEP_MILLISECONDS } from '../credential/otp.js';
import { rangeName, simplify, succeeds } from './forgotten-steps.js';
import { FORGOTTEN, parseStep } from './record-folder.js';

/** The name of a used token's file: a SHA-256 in base64url (RFC 4648, section 5). */
const TOKEN_FILE = /^[\w-]{43}$/;
/** Whoever moved a step away empties it at once; what was not touched for so long was left behind by a dead process. */
const ORPHAN_MILLISECONDS = 120_000;

/** What {@link pruneFolder} works with. */
export interface PruneOptions {
  /** The directory of the record. */
  readonly root: string;
  /** Earlier time steps than this one are finished. */
  readonly oldest: number;
  /** The time step of the present. */
  readonly present: number;
  /** Is told the path of whatever is not ours; it is left alone. */
  readonly onForeign: (path: string) => void;
}

/**
 * Removes the finished time steps of a record. Any number of processes may do this at the same time.
 *
 * @throws where the file system does not let us; what is left is removed another time
 */
export async function pruneFolder(options: PruneOptions): Promise<void> {
  const { root, oldest, present, onForeign } = options;
  const forgotten = join(root, FORGOTTEN);
  for (const name of await readdir(root)) {
    if (name === FORGOTTEN) continue;
    const step = parseStep(name);
    if (step === undefined) onForeign(join(root, name));
    else if (step < oldest) await forgetStep(forgotten, root, step, onForeign);
  }
  await emptyOrphans(forgotten, present * STEP_MILLISECONDS, onForeign);
  await simplify(forgotten, present);
}

async function forgetStep(
  forgotten: string,
  root: string,
  step: number,
  onForeign: (path: string) => void,
): Promise<void> {
  const target = join(forgotten, rangeName({ from: step, to: step }));
  // One of several processes succeeds, and empties it.
  if (await succeeds(rename(join(root, String(step)), target))) await succeeds(empty(target, onForeign));
}

async function emptyOrphans(
  forgotten: string,
  now: number,
  onForeign: (path: string) => void,
): Promise<void> {
  for (const name of await readdir(forgotten)) {
    const path = join(forgotten, name);
    const changed = await stat(path).then(
      ({ ctimeMs }) => ctimeMs,
      // Another process has just renamed it.
      () => now,
    );
    if (Math.abs(now - changed) > ORPHAN_MILLISECONDS) await succeeds(empty(path, onForeign));
  }
}

/** One file after the other, each awaited: many files at once would keep logins waiting. */
async function empty(folder: string, onForeign: (path: string) => void): Promise<void> {
  const directory = await opendir(folder);
  for await (const { name } of directory) {
    if (TOKEN_FILE.test(name)) await succeeds(unlink(join(folder, name)));
    else onForeign(join(folder, name));
  }
}
