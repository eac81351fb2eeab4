import { statSync } from 'node:fs';

const LOOK_MILLISECONDS = 1000;

/**
 * Looks at files now and then, for as long as the process lives, without keeping it alive. fs.watch() would not notice a
 * file that was moved into the place of another, and fs.watchFile() misses what changes before its first look.
 *
 * @param paths the files of the moment
 * @param onChange is called when one that was looked at before has changed, has come, or is gone
 */
export function watchFiles(paths: () => readonly string[], onChange: () => void): void {
  let before = look(paths());
  let isDue = false;
  setInterval(() => {
    const now = look(paths());
    const hasChanged = [...now].some(([path, version]) => (before.get(path) ?? version) !== version);
    before = now;
    // Only once it rests: half of a configuration that is being written can be good, too, and serve more than the whole.
    if (isDue && !hasChanged) onChange();
    isDue = hasChanged;
  }, LOOK_MILLISECONDS).unref();
}

function look(paths: readonly string[]): Map<string, string> {
  return new Map(paths.map((path) => [path, fileVersion(path) ?? 'cannot be looked at']));
}

/** @returns what is another text after each change of a file, or `undefined` where there is none to be seen */
export function fileVersion(path: string): string | undefined {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path);
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  } catch {
    return undefined;
  }
}
