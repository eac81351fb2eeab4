import { performance } from 'node:perf_hooks';
import { messageOf } from '../errors.js';
import type { ReplayRecord } from '../replay/replay-record.js';
import type { Log } from './log.js';

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
  let fault: string | undefined;
  let refused = 0;
  return {
    claim: async (use, currentStep) => {
      const start = performance.now();
      try {
        const claim = await record.claim(use, currentStep);
        onClaim(performance.now() - start, false);
        if (fault !== undefined) log.write('info', 'the record of used tokens works again', { refused });
        fault = undefined;
        refused = 0;
        return claim;
      } catch (error) {
        onClaim(performance.now() - start, true);
        const message = messageOf(error);
        if (message !== fault) {
          log.write('error', 'refusing every token: the record of used tokens cannot be used', {
            cause: message,
          });
        }
        fault = message;
        refused += 1;
        return 'record-unavailable';
      }
    },
    forget: (use) => record.forget(use),
    close: () => record.close(),
  };
}
