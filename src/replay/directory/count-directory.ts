import { opendir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../errors.js';
import { parseTimeStep } from './cache-directory.js';

/** How many names to read at a time. Requests are answered in between. */
const BUFFER_ENTRIES = 256;

/** Returns the number of tokens in a directory, of all time steps that are not yet removed. */
export async function countDirectory(root: string): Promise<number> {
  // The first consume creates it.
  const names = (await unlessMissing(readdir(root))) ?? [];
  let count = 0;
  for (const name of names) {
    if (parseTimeStep(name) !== undefined) count += await countFiles(join(root, name));
  }
  return count;
}

async function countFiles(path: string): Promise<number> {
  const directory = await unlessMissing(opendir(path, { bufferSize: BUFFER_ENTRIES }));
  let count = 0;
  // If the directory is pruned meanwhile, the entries just end.
  while (((await directory?.read()) ?? null) !== null) count += 1;
  await directory?.close();
  return count;
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
