import { opendir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../errors.js';
import { parseTimeStep } from './cache-directory.js';

/** So many names come from Node's threads at a time; between two such portions claims have their turn. */
const PORTION = 256;

/** @returns how many credentials a record in a directory remembers, of all its steps that are not yet removed */
export async function countDirectory(root: string): Promise<number> {
  // It is made by the first claim.
  const names = (await unlessGone(readdir(root))) ?? [];
  let count = 0;
  for (const name of names) {
    if (parseTimeStep(name) !== undefined) count += await countFiles(join(root, name));
  }
  return count;
}

async function countFiles(folder: string): Promise<number> {
  const directory = await unlessGone(opendir(folder, { bufferSize: PORTION }));
  let count = 0;
  // A finished step can be removed meanwhile; it just ends then.
  while (((await directory?.read()) ?? null) !== null) count += 1;
  await directory?.close();
  return count;
}

async function unlessGone<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
