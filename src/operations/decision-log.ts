import { messageOf } from '../errors.js';
import type { Observer } from '../server/responder.js';
import type { Log } from './log.js';

/** Writes one line for each decision: the verdict, its reason, and whom it was about. */
export function decisionLog(log: () => Log): Observer {
  return {
    decided({ operation }, verdict) {
      const jid = verdict.jid === undefined ? {} : { jid: verdict.jid };
      if (verdict.accepted) log().write('info', 'accepted', { operation, ...jid });
      else log().write('info', 'refused', { operation, reason: verdict.reason, ...jid });
    },
    failed({ operation }, error) {
      log().write('error', 'refused', { operation, reason: 'internal-error', cause: messageOf(error) });
    },
    withheld({ operation }) {
      log().write('warning', 'withheld', { operation, reason: 'too-late' });
    },
  };
}
