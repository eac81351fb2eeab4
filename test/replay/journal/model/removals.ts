import type { SimulatedFileSystem } from './file-system.js';
import { ROOT } from './process.js';
import type { Removal } from './scenario.js';

const AWAY = `${ROOT}.away`;

/**
 * Does to the files what somebody could do.
 *
 * @param timeStep the time step whose journal is removed, if any can be
 * @returns whether anything was changed
 */
export function change(files: SimulatedFileSystem, removal: Removal, timeStep: number | undefined): boolean {
  const isThere = files.find(ROOT) !== undefined;
  const isAway = files.find(AWAY) !== undefined;
  switch (removal) {
    case 'remove':
    case 'remove-and-restart':
      return removeIf(files, isThere, ROOT);
    case 'move-away':
      if (!isThere) return false;
      removeIf(files, isAway, AWAY);
      files.rename(ROOT, AWAY);
      return true;
    case 'put-back':
      if (!isAway) return false;
      removeIf(files, isThere, ROOT);
      files.rename(AWAY, ROOT);
      return true;
    case 'remove-name':
      return removeIf(files, isThere && files.names(ROOT).has('created'), `${ROOT}/created`);
    case 'remove-journal': {
      const path = `${ROOT}/journal-${String(timeStep)}`;
      return removeIf(files, timeStep !== undefined && files.find(path) !== undefined, path);
    }
  }
}

function removeIf(files: SimulatedFileSystem, condition: boolean, path: string): boolean {
  if (condition) files.remove(path);
  return condition;
}
