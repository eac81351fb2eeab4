import { statSync } from 'node:fs';

const LOOK_MILLISECONDS = 1000;

/**
 * Looks at files now and then, for as long as the process lives, without keeping it alive. fs.watch() would not notice a
 * file that was moved into the place of another, and fs.watchFile() misses what changes before its first look.
 *
 * @param paths the files of the moment
 * @param onChange is called when one of them has changed, has come, or is another
 */
export function watchFiles(paths: () => readonly string[], onChange: () => void): void {
  let before = versions(paths());
  setInterval(() => {
    const now = versions(paths());
    if (now === before) return;
    before = now;
    onChange();
  }, LOOK_MILLISECONDS).unref();
}

function versions(paths: readonly string[]): string {
  return paths.map((path) => `${path} ${versionOf(path)}`).join('\n');
}

function versionOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? 'missing' : `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
}
