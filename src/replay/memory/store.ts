import { performance } from 'node:perf_hooks';
import * as z from 'zod/mini';
import { startInstant } from '../cache-epoch.js';
import type { StoreType } from '../store.js';
import { MemoryReplayCache } from './memory-cache.js';
import { MemorySeenUsers } from './seen-users.js';

/** `store = "memory"`. */
export interface MemorySettings {
  /** Whether tokens that could have been used before the process started are accepted. */
  readonly afterRestart: 'accept' | 'refuse';
}

/** Keeps everything in the memory of one process. */
export const memoryStore: StoreType<MemorySettings> = {
  shape: { after_restart: z.optional(z.enum(['accept', 'refuse'])) },
  parse: ({ after_restart: afterRestart }) => ({
    afterRestart: afterRestart === 'refuse' ? 'refuse' : 'accept',
  }),
  openReplayCache: ({ afterRestart }) =>
    afterRestart === 'refuse' ? new MemoryReplayCache(processStart()) : new MemoryReplayCache(),
  openSeenUsers: () => new MemorySeenUsers(),
  report: ({ afterRestart }) => ({
    isDurable: afterRestart === 'refuse',
    guarantee:
      afterRestart === 'refuse'
        ? 'each token is accepted once by one process; after each start, tokens from before it are refused for up to 90 s'
        : 'the replay cache is in the memory of one process: after a restart, a token of the last 90 s can be used again',
    epoch: 'the start',
  }),
};

function processStart(): () => number {
  return startInstant(Date.now, () => performance.now());
}
