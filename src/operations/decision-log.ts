import type { Observer } from '../server/responder.js';
import type { Log } from './log.js';

/** Writes one line for each decision: the verdict, its reason, and whom it was about. */
export function decisionLog(log: Log): Observer {
  return {
    decided(request, verdict) {
      const { operation } = request;
      const jid = verdict.jid === undefined ? {} : { jid: verdict.jid };
      if (verdict.accepted) log('info', 'accepted', { operation, ...jid });
      else log('info', 'refused', { operation, reason: verdict.reason, ...jid });
    },
    failed(request, error) {
      const cause = error instanceof Error ? error.message : String(error);
      log('error', 'refused', { operation: request.operation, reason: 'internal-error', cause });
    },
  };
}
