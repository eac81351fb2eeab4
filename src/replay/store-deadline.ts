/** A request to a store fails after this time. */
const STORE_DEADLINE_MILLISECONDS = 900;

/** A store did not reply within {@link STORE_DEADLINE_MILLISECONDS}. */
export class StoreDeadlineError extends Error {
  constructor() {
    super(`no answer within ${STORE_DEADLINE_MILLISECONDS} ms`);
  }
}

/**
 * Returns the result of a request to a store, within the deadline. Needed for every store except those in memory and on a local file
 * system, which reply without waiting.
 *
 * @throws {@link StoreDeadlineError}, or what the request throws
 */
export async function withinStoreDeadline<T>(request: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StoreDeadlineError());
    }, STORE_DEADLINE_MILLISECONDS);
  });
  try {
    return await Promise.race([request, expired]);
  } finally {
    clearTimeout(timer);
  }
}
