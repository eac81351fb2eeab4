import { fstatSync, statSync, type BigIntStats } from 'node:fs';

/** Identifies a file independently of its name. Unique while the file is open. */
export type FileIdentity = Pick<BigIntStats, 'dev' | 'ino'>;

/**
 * Returns a text that differs after each change of a file, or `undefined` if the file can't be read.
 *
 * @param settledMilliseconds also returns `undefined` if the file changed more recently, since it can change twice within the
 *   resolution of its change time
 */
export function fileVersion(path: string, settledMilliseconds = 0): string | undefined {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path);
    if (Math.abs(Date.now() - ctimeMs) < settledMilliseconds) return undefined;
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  } catch {
    return undefined;
  }
}

/** Returns the identity of an open file or directory. */
export function identityOf(descriptor: number): FileIdentity {
  // A number can't distinguish inodes beyond 2^53.
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return { dev, ino };
}

/** Returns whether a path leads to this file or directory. */
export function isAt(path: string, identity: FileIdentity): boolean {
  return sizeAt(path, identity) !== undefined;
}

/** Returns the size in bytes of the file at a path, or `undefined` if it is not this file. */
export function sizeAt(path: string, { dev, ino }: FileIdentity): number | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found?.ino === ino && found.dev === dev ? Number(found.size) : undefined;
}
