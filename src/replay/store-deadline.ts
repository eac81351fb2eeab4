/** A question to a store that takes longer is refused, whatever it waits for. */
export const STORE_DEADLINE_MILLISECONDS = 900;

/** A store gave no answer within {@link STORE_DEADLINE_MILLISECONDS}. */
export class StoreDeadlineError extends Error {
  constructor() {
    super(`no answer within ${STORE_DEADLINE_MILLISECONDS} ms`);
  }
}

/**
 * Waits for the answer of a store, and no longer than the deadline. Stores in memory and on a local file system answer without
 * waiting; every question to any other goes through here, whether it is about a token or a user.
 *
 * @throws {@link StoreDeadlineError}, or what the question throws
 */
export async function withinStoreDeadline<T>(question: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StoreDeadlineError());
    }, STORE_DEADLINE_MILLISECONDS);
  });
  try {
    return await Promise.race([question, expired]);
  } finally {
    clearTimeout(timer);
  }
}
