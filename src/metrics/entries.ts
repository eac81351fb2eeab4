import type { MeasuredStore } from './measurements.js';
import type { Reading } from './expose.js';

/** So long Prometheus waits for a count; then it gets the one from before. */
const COUNT_MILLISECONDS = 1000;

/**
 * @param storeOf gives the record of the moment
 * @returns a function that counts what it remembers, where it can; one count at a time, whoever asks
 */
export function countEntries(
  storeOf: () => MeasuredStore | undefined,
): () => Promise<readonly Reading<'store'>[]> {
  let known: { readonly store: MeasuredStore; readonly count: number } | undefined;
  let counting: Promise<void> | undefined;
  const count = async (store: MeasuredStore): Promise<void> => {
    try {
      const entries = await store.cache.count?.();
      known = entries === undefined ? undefined : { store, count: entries };
    } catch {
      // The claims fail as well then, and the log says why.
      known = undefined;
    } finally {
      counting = undefined;
    }
  };
  return async () => {
    const store = storeOf();
    if (store === undefined) return [];
    counting ??= count(store);
    await within(COUNT_MILLISECONDS, counting);
    return known?.store === store ? [[{ store: store.kind }, known.count]] : [];
  };
}

/** Waits for something, but no longer than so many milliseconds. */
async function within(milliseconds: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
    timer.unref();
  });
  await Promise.race([done, timeout]);
  clearTimeout(timer);
}
