import { performance } from 'node:perf_hooks';
import { messageOf } from '../errors.js';
import type { Log } from '../log/log.js';
import type { ConsumeSink } from '../metrics/measurements.js';
import type { ReplayCache } from '../replay/replay-cache.js';
import type { KnownUsers, SeenUsers } from '../users/seen-users.js';

/**
 * Returns a replay cache that never throws: if it is unavailable, the result is `'replay-cache-unavailable'`. Logs each new fault
 * once, not once for each request, and the recovery.
 */
export function observeReplayCache(
  cache: ReplayCache,
  log: Log,
  onConsume: ConsumeSink = () => undefined,
): ReplayCache {
  const attempt = catchFaults(log, 'replay cache unavailable; refusing all tokens', 'replay cache recovered');
  return withConsume(cache, async (use, currentTimeStep) => {
    const start = performance.now();
    const result = await attempt(() => cache.consume(use, currentTimeStep));
    onConsume(performance.now() - start, result === 'replay-cache-unavailable');
    return result;
  });
}

/** Returns a replay cache that consumes tokens by another function. */
export function withConsume(cache: ReplayCache, consume: ReplayCache['consume']): ReplayCache {
  return { consume, close: () => cache.close() };
}

/** Returns seen users that never throw. Logs their faults as {@link observeReplayCache} does. */
export function observeSeenUsers(seen: SeenUsers, log: Log): KnownUsers {
  const attempt = catchFaults(log, 'seen users unavailable; refusing isuser', 'seen users recovered');
  return {
    has: (user, host) => attempt(() => seen.has(user, host)),
    add: async (user, host) => {
      await attempt(() => seen.add(user, host));
    },
  };
}

/** Returns a function that returns the result of a request to a store, or `'replay-cache-unavailable'` if the store throws. */
function catchFaults(
  log: Log,
  failed: string,
  recovered: string,
): <T>(request: () => Promise<T>) => Promise<T | 'replay-cache-unavailable'> {
  let fault: string | undefined;
  let refused = 0;
  return async (request) => {
    try {
      const result = await request();
      if (fault !== undefined) log.write('info', recovered, { refused });
      fault = undefined;
      refused = 0;
      return result;
    } catch (error) {
      const cause = messageOf(error);
      if (cause !== fault) log.write('error', failed, { cause });
      fault = cause;
      refused += 1;
      return 'replay-cache-unavailable';
    }
  };
}
