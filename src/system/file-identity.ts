import { fstatSync, statSync, type BigIntStats } from 'node:fs';

/** Which file it is, under whatever name. As long as it is open, no other one has the same. */
export type FileIdentity = Pick<BigIntStats, 'dev' | 'ino'>;

/** @returns which file or directory a descriptor leads to */
export function identityOf(descriptor: number): FileIdentity {
  // Beyond 2^53 a number would take one inode for another.
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return { dev, ino };
}

/** Whether a path leads to a file or directory, and not to another or none. */
export function isAt(path: string, { dev, ino }: FileIdentity): boolean {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found?.ino === ino && found.dev === dev;
}
