import { performance } from 'node:perf_hooks';
import { messageOf } from '../errors.js';
import type { Log } from '../log/log.js';
import type { ConsumeSink } from '../metrics/measurements.js';
import type { ReplayCache } from '../replay/replay-cache.js';
import type { CachedRevocations } from '../users/cached-revocations.js';
import type { KnownRevocations } from '../users/revocations.js';
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
  const failed = 'replay cache unavailable; refusing all tokens';
  // A used token is also refused on a full disk.
  const isProof = (result: unknown): boolean => result === 'consumed';
  const attempt = catchFaults(log, { failed, recovered: 'replay cache recovered', isProof });
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
  const failed = 'seen users unavailable; refusing isuser';
  const attempt = catchFaults(log, { failed, recovered: 'seen users recovered', isProof: () => true });
  return {
    has: (user, host) => attempt(() => seen.has(user, host)),
    add: async (user, host) => {
      await attempt(() => seen.add(user, host));
    },
    list: (host, after) => attempt(() => seen.list(host, after)),
  };
}

/** Returns revocations that never throw. Logs their faults as {@link observeReplayCache} does. */
export function observeRevocations(
  revocations: Pick<CachedRevocations, 'of' | 'version'>,
  log: Log,
): KnownRevocations {
  const failed = 'revocations unavailable; refusing all users';
  const attempt = catchFaults(log, { failed, recovered: 'revocations recovered', isProof: () => true });
  return {
    of: (user, host) => {
      const found = revocations.of(user, host);
      return found instanceof Promise ? attempt(() => found) : found;
    },
    version: () => attempt(() => revocations.version()),
  };
}

interface FaultMessages {
  readonly failed: string;
  readonly recovered: string;
  /** Returns whether a result proves that the store has recovered. */
  readonly isProof: (result: unknown) => boolean;
}

/** Returns a function that returns the result of a request to a store, or `'replay-cache-unavailable'` if the store throws. */
function catchFaults(
  log: Log,
  { failed, recovered, isProof }: FaultMessages,
): <T>(request: () => Promise<T>) => Promise<T | 'replay-cache-unavailable'> {
  let fault: string | undefined;
  let refused = 0;
  return async (request) => {
    try {
      const result = await request();
      if (fault !== undefined && isProof(result)) {
        log.write('info', recovered, { refused });
        fault = undefined;
        refused = 0;
      }
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
