import { performance } from 'node:perf_hooks';
import { NOTHING_KNOWN, type RequestContext, type RefusalReason } from '../authenticator/authenticator.js';
import { messageOf } from '../errors.js';
import type { Request } from '../protocol/request.js';
import type { Observer } from '../server/responder.js';

/** What became of one request, for the log and the metrics. It holds no secret, token or password. */
export interface CompletedRequest {
  /** Where the request came in: `stdin`, `terminal`, or the path of a socket. */
  readonly listener: string;
  readonly operation: Request['operation'];
  /** `withheld`: there was no answer, as nobody may have been waiting any more, or the request was not whole. */
  readonly outcome: 'accepted' | 'refused' | 'unanswered';
  /** Why it was not accepted. */
  readonly reason: RefusalReason | 'internal-error' | 'deadline-exceeded' | 'incomplete-request' | undefined;
  /** What is known of the fault, where the reason is `internal-error`, and of the bytes of an `incomplete-request`. */
  readonly cause: string | undefined;
  readonly context: RequestContext;
  /** From the reading of the request to its answer. */
  readonly milliseconds: number;
}

/** Is told of each decision. Never throws, and never waits. */
export type RequestSink = (decision: CompletedRequest) => void;

/** @returns the observer for one listener, which tells the sinks what became of each request */
export function observeListener(listener: string, sinks: readonly RequestSink[]): Observer {
  const tell = (decision: CompletedRequest): void => {
    for (const sink of sinks) sink(decision);
  };
  return {
    decided: ({ operation }, { accepted, reason, context }, readAt) => {
      const outcome = accepted ? 'accepted' : 'refused';
      tell({ listener, operation, outcome, reason, cause: undefined, context, milliseconds: since(readAt) });
    },
    failed: ({ operation }, error, readAt) => {
      const why = { outcome: 'refused', reason: 'internal-error', cause: messageOf(error) } as const;
      tell({ listener, operation, ...why, context: NOTHING_KNOWN, milliseconds: since(readAt) });
    },
    unanswered: ({ operation }, readAt) => {
      const why = { outcome: 'unanswered', reason: 'deadline-exceeded', cause: undefined } as const;
      tell({ listener, operation, ...why, context: NOTHING_KNOWN, milliseconds: since(readAt) });
    },
    incomplete: (cause, readAt) => {
      const why = {
        operation: 'malformed',
        outcome: 'unanswered',
        reason: 'incomplete-request',
        cause,
      } as const;
      tell({ listener, ...why, context: NOTHING_KNOWN, milliseconds: since(readAt) });
    },
  };
}

function since(instant: number): number {
  return performance.now() - instant;
}
