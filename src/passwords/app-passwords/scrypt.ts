import { scrypt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { MAX_HASH_BYTES, type ScryptParameters } from './phc.js';

/**
 * Computes scrypt.
 *
 * @returns {@link MAX_HASH_BYTES} bytes: a shorter hash is the beginning of a longer one
 */
export type Derive = (password: string, salt: Buffer, parameters: ScryptParameters) => Promise<Buffer>;

/** More than any accepted parameters need: scrypt also uses some memory besides 128·N·r bytes. */
const MAX_MEMORY_BYTES = 128 * 1024 * 1024;
const MAX_COMPUTATIONS = 2;

/** Shared by all users of this module: scrypt must leave a core and the memory to everything else. */
const limit = pLimit(Math.max(1, Math.min(MAX_COMPUTATIONS, availableParallelism() - 1)));

/** Computes scrypt on a thread of its own. */
export const derive: Derive = (password, salt, { ln, r, p }) =>
  new Promise((resolve, reject) => {
    const options = { N: 2 ** ln, r, p, maxmem: MAX_MEMORY_BYTES };
    scrypt(password, salt, MAX_HASH_BYTES, options, (error, derived) => {
      if (error === null) resolve(derived);
      else reject(error);
    });
  });

/**
 * Runs a computation when fewer than the allowed number are in progress in this process.
 *
 * @param signal a computation that has not begun when it is aborted doesn't begin
 * @throws the reason of `signal`
 */
export function withinLimit<T>(compute: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  return limit(() => {
    signal?.throwIfAborted();
    return compute();
  });
}
