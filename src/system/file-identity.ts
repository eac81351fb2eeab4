import { fstatSync, statSync, type BigIntStats } from 'node:fs';

/** Identifies a file independently of its name. Unique while the file is open. */
export type FileIdentity = Pick<BigIntStats, 'dev' | 'ino'>;

/** Returns the identity of an open file or directory. */
export function identityOf(descriptor: number): FileIdentity {
  // A number can't distinguish inodes beyond 2^53.
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return { dev, ino };
}

/** Returns whether a path leads to this file or directory. */
export function isAt(path: string, { dev, ino }: FileIdentity): boolean {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found?.ino === ino && found.dev === dev;
}
