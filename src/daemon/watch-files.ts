import { fileVersion } from '../system/file-identity.js';

const POLL_MILLISECONDS = 1000;

/**
 * Polls files for changes, without keeping the process alive. fs.watch() would not notice a file that was moved to the path
 * of another, and fs.watchFile() misses changes before its first poll.
 *
 * @param paths returns the current files
 * @param onChange called when a file was changed, created or removed
 */
export function watchFiles(paths: () => readonly string[], onChange: () => void): void {
  let before = versionsOf(paths());
  let isDue = false;
  setInterval(() => {
    const now = versionsOf(paths());
    const hasChanged = [...now].some(([path, version]) => (before.get(path) ?? version) !== version);
    before = now;
    // Wait until writing has ended: half of a configuration can be valid, too, and allow more than the whole.
    if (isDue && !hasChanged) onChange();
    isDue = hasChanged;
  }, POLL_MILLISECONDS).unref();
}

function versionsOf(paths: readonly string[]): Map<string, string> {
  return new Map(paths.map((path) => [path, fileVersion(path) ?? 'unreadable']));
}
