import { lstatSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const PREFIX = '.xtokend-';
const NAME = /^\.xtokend-[A-Za-z0-9]{6}$/;
/** Far more than it takes to make a socket. */
const STALE_MILLISECONDS = 60_000;

/** How many bytes a private directory adds to the path of a file. */
export const PRIVATE_NAME_BYTES: number = `${PREFIX}XXXXXX/`.length;

/**
 * Makes a directory with a new name that only this user can enter. Removes those that killed processes left behind.
 *
 * @param parent a directory that only root and this user can change
 */
export function makePrivateDirectory(parent: string): string {
  removeStale(parent);
  return mkdtempSync(join(parent, PREFIX));
}

function removeStale(parent: string): void {
  for (const name of namesIn(parent)) {
    const path = join(parent, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory() !== true || stats.uid !== process.geteuid?.()) continue;
    if (Date.now() - stats.mtimeMs > STALE_MILLISECONDS) removeSockets(path);
  }
}

/** Removes nothing else: this program didn't make a directory that has other files. */
function removeSockets(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isSocket()) rmSync(join(directory, entry.name), { force: true });
    }
    rmdirSync(directory);
  } catch {
    // It holds something else, or another process has removed it.
  }
}

function namesIn(parent: string): string[] {
  try {
    return readdirSync(parent).filter((name) => NAME.test(name));
  } catch {
    // If the parent cannot be used at all, mkdtemp() reports why.
    return [];
  }
}
