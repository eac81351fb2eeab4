import { performance } from 'node:perf_hooks';
import type { ReplayCache } from '../replay/replay-cache.js';
import type { Log } from '../log/log.js';
import { StoreFaults } from './store-faults.js';

const MESSAGES = {
  failed: 'replay cache unavailable; refusing all tokens',
  recovered: 'replay cache recovered',
};

/** Is told how long each claim took, and whether it failed. Never throws. */
export type ConsumeSink = (milliseconds: number, hasFailed: boolean) => void;

/**
 * Makes a record that never throws: where it cannot be asked, the claim is `'replay-cache-unavailable'`. The log says so once for
 * each new fault, not once for each request, and says when it works again.
 */
export function observeReplayCache(
  cache: ReplayCache,
  log: Log,
  onConsume: ConsumeSink = () => undefined,
): ReplayCache {
  const faults = new StoreFaults(log, MESSAGES);
  return {
    consume: async (use, currentTimeStep) => {
      const start = performance.now();
      const consume = await faults.ask(() => cache.consume(use, currentTimeStep));
      onConsume(performance.now() - start, consume === 'replay-cache-unavailable');
      return consume;
    },
    release: (use) => cache.release(use),
    close: () => cache.close(),
  };
}
