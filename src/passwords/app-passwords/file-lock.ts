import { codeOf } from '../../errors.js';
import { AppPasswordFileError } from './errors.js';
import { explainWriteError } from './write-errors.js';

/** A lock that its owner has not renewed for so long is removed: its owner was killed. */
const STALE_MILLISECONDS = 5000;
/** Longer than many writers at once take, and than a lock takes to become stale. */
const WAIT_MILLISECONDS = 30_000;
const RETRIES = { retries: 1000, minTimeout: 20, maxTimeout: 250, factor: 1.3, randomize: true };

/**
 * Runs some work while no other process does so for the same file. The lock is a directory beside the file.
 *
 * @param work is given a function that throws if the lock was lost meanwhile
 * @throws {@link AppPasswordFileError} if the lock can't be had, and what `work` throws
 */
export async function withLock<T>(path: string, work: (assertHeld: () => void) => Promise<T>): Promise<T> {
  // Loading it installs handlers of signals, which remove the lock.
  const { lock } = await import('proper-lockfile');
  let isLost = false;
  const acquire = lock(path, {
    realpath: false,
    stale: STALE_MILLISECONDS,
    retries: { ...RETRIES, maxRetryTime: WAIT_MILLISECONDS },
    onCompromised: () => {
      isLost = true;
    },
  });
  const release = await acquire.catch((error: unknown) => {
    const reason = codeOf(error) === 'ELOCKED' ? explainLocked(path) : explainWriteError(path, error);
    throw new AppPasswordFileError(path, reason, { cause: error });
  });
  try {
    return await work(() => {
      if (isLost) throw new AppPasswordFileError(path, `another program removed ${path}.lock. Try again`);
    });
  } finally {
    // If it was lost, it is another writer's.
    await release().catch(() => undefined);
  }
}

function explainLocked(path: string): string {
  return `other programs keep changing it: ${path}.lock exists for more than ${WAIT_MILLISECONDS / 1000} s. Try again later`;
}
