import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from '../../errors.js';
import { AppPasswordFileError } from './errors.js';
import { explainWriteError } from './write-errors.js';

/** A lock that its owner has not renewed for so long is removed: its owner was killed. */
const STALE_MILLISECONDS = 5000;
/** Longer than many writers at once take, and than a lock takes to become stale. */
const WAIT_MILLISECONDS = 30_000;
/** Different for each attempt, so that writers don't try at the same time. */
const pause = (): number => 20 + Math.random() * 60;

/**
 * Runs some work while no other process does so for the same file. The lock is a directory beside the file.
 *
 * @param work is given a function that throws if the lock was lost meanwhile
 * @throws {@link AppPasswordFileError} if the lock can't be acquired, and what `work` throws
 */
export async function withLock<T>(path: string, work: (assertHeld: () => void) => Promise<T>): Promise<T> {
  let isLost = false;
  const release = await acquire(path, () => {
    isLost = true;
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

async function acquire(path: string, onLost: () => void): Promise<() => Promise<void>> {
  // Loading it installs handlers of signals, which remove the lock.
  const { lock } = await import('proper-lockfile');
  const deadline = performance.now() + WAIT_MILLISECONDS;
  for (;;) {
    try {
      return await lock(path, { realpath: false, stale: STALE_MILLISECONDS, onCompromised: onLost });
    } catch (error) {
      const isLocked = codeOf(error) === 'ELOCKED';
      // Its own retries would also repeat errors that stay, such as EACCES.
      if (isLocked && performance.now() < deadline) await delay(pause());
      else {
        const reason = isLocked ? explainLocked(path) : explainWriteError(path, error);
        throw new AppPasswordFileError(path, reason, { cause: error });
      }
    }
  }
}

function explainLocked(path: string): string {
  return `other programs keep changing it: ${path}.lock has existed for ${WAIT_MILLISECONDS / 1000} s. Try again later`;
}
