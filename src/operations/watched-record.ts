import { messageOf } from '../errors.js';
import type { ReplayRecord } from '../replay/replay-record.js';
import type { Log } from './log.js';

/**
 * Makes a record that never throws: where it cannot be asked, the claim is `'record-unavailable'`. The log says so once for
 * each new fault, not once for each request, and says when it works again.
 */
export function watchRecord(record: ReplayRecord, log: Log): ReplayRecord {
  let fault: string | undefined;
  let refused = 0;
  return {
    claim: async (use, currentStep) => {
      try {
        const claim = await record.claim(use, currentStep);
        if (fault !== undefined) log.write('info', 'the record of used tokens works again', { refused });
        fault = undefined;
        refused = 0;
        return claim;
      } catch (error) {
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
