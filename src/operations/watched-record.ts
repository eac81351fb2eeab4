import { performance } from 'node:perf_hooks';
import type { ReplayRecord } from '../replay/replay-record.js';
import type { Log } from './log.js';
import { StoreFaults } from './store-faults.js';

const MESSAGES = {
  failed: 'refusing every token: the record of used tokens cannot be used',
  recovered: 'the record of used tokens works again',
};

/** Is told how long each claim took, and whether it failed. Never throws. */
export type ClaimSink = (milliseconds: number, hasFailed: boolean) => void;

/**
 * Makes a record that never throws: where it cannot be asked, the claim is `'record-unavailable'`. The log says so once for
 * each new fault, not once for each request, and says when it works again.
 */
export function watchRecord(
  record: ReplayRecord,
  log: Log,
  onClaim: ClaimSink = () => undefined,
): ReplayRecord {
  const faults = new StoreFaults(log, MESSAGES);
  return {
    claim: async (use, currentStep) => {
      const start = performance.now();
      const claim = await faults.ask(() => record.claim(use, currentStep));
      onClaim(performance.now() - start, claim === 'record-unavailable');
      return claim;
    },
    forget: (use) => record.forget(use),
    close: () => record.close(),
  };
}
