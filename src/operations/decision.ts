import { performance } from 'node:perf_hooks';
import type { Refusal, Verdict } from '../authenticator.js';
import { messageOf } from '../errors.js';
import type { Request } from '../protocol/request.js';
import type { Observer } from '../server/responder.js';

/** What became of one request, for the log and the metrics. It holds no secret, token or password. */
export interface Decision {
  /** Where the request came in: `stdin`, `terminal`, or the path of a socket. */
  readonly listener: string;
  readonly operation: Request['operation'];
  /** `withheld`: nobody may have been waiting any more, so there was no answer. */
  readonly outcome: 'accepted' | 'refused' | 'withheld';
  /** Why it was not accepted. */
  readonly reason: Refusal | 'internal-error' | 'too-late' | undefined;
  /** What is known of the fault, where the reason is `internal-error`. */
  readonly cause: string | undefined;
  readonly jid: string | undefined;
  readonly host: string | undefined;
  /** The id of the key that the token was made with. */
  readonly key: string | undefined;
  /** From which step the token was, seen from the present one: -1, 0 or 1. */
  readonly offset: number | undefined;
  /** From the reading of the request to its answer. */
  readonly milliseconds: number;
}

/** Is told of each decision. Never throws, and never waits. */
export type DecisionSink = (decision: Decision) => void;

const NOTHING_KNOWN = { jid: undefined, host: undefined, key: undefined, offset: undefined };

/** @returns the observer for one listener, which tells the sinks what became of each request */
export function observeListener(listener: string, sinks: readonly DecisionSink[]): Observer {
  const tell = (request: Request, readAt: number, rest: Outcome): void => {
    const milliseconds = performance.now() - readAt;
    const decision = { listener, operation: request.operation, ...rest, milliseconds };
    for (const sink of sinks) sink(decision);
  };
  return {
    decided: (request, verdict, readAt) => {
      tell(request, readAt, outcomeOf(verdict));
    },
    failed: (request, error, readAt) => {
      const cause = messageOf(error);
      tell(request, readAt, { ...NOTHING_KNOWN, outcome: 'refused', reason: 'internal-error', cause });
    },
    withheld: (request, readAt) => {
      tell(request, readAt, { ...NOTHING_KNOWN, outcome: 'withheld', reason: 'too-late', cause: undefined });
    },
  };
}

type Outcome = Omit<Decision, 'listener' | 'operation' | 'milliseconds'>;

function outcomeOf(verdict: Verdict): Outcome {
  const { jid, host, key, offset } = verdict;
  const about = { cause: undefined, jid, host, key, offset };
  return verdict.accepted
    ? { outcome: 'accepted', reason: undefined, ...about }
    : { outcome: 'refused', reason: verdict.reason, ...about };
}
