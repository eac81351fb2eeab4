import { lstatSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const PREFIX = '.xtokend-';
const NAME = /^\.xtokend-[A-Za-z0-9]{6}$/;
/** Far more than the making of a socket takes. */
const LEFT_BEHIND_MILLISECONDS = 60_000;

/** By how much the path of a file in a private directory is longer than that of the same file beside it. */
export const PRIVATE_NAME_BYTES: number = `${PREFIX}XXXXXX/`.length;

/**
 * Makes a directory with a new name that only this user can enter. Removes those that processes left behind which were killed
 * while they used theirs.
 *
 * @param parent a directory that only root and this user can change
 */
export function makePrivateDirectory(parent: string): string {
  removeLeftBehind(parent);
  return mkdtempSync(join(parent, PREFIX));
}

function removeLeftBehind(parent: string): void {
  for (const name of namesIn(parent)) {
    const path = join(parent, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory() !== true || stats.uid !== process.geteuid?.()) continue;
    if (Date.now() - stats.mtimeMs > LEFT_BEHIND_MILLISECONDS) removeSockets(path);
  }
}

/** Nothing else: a directory with other files in it wasn't made by this program. */
function removeSockets(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isSocket()) rmSync(join(directory, entry.name), { force: true });
    }
    rmdirSync(directory);
  } catch {
    // It holds something else, or another process was faster: it does no harm there.
  }
}

function namesIn(parent: string): string[] {
  try {
    return readdirSync(parent).filter((name) => NAME.test(name));
  } catch {
    // A directory that can be written to but not read, or none: making one there says what is wrong.
    return [];
  }
}
