import { messageOf } from '../errors.js';
import type { AnswerDetails } from '../protocol/protocol.js';
import type { RequestContext } from '../protocol/request.js';
import type { BackendName } from '../passwords/backend.js';
import type { Reason, RefusalReason, UnansweredReason } from './reasons.js';

/** What else is known of a result. Holds no secret, token or password. */
export interface Details {
  /** The id of the key that the token was made with, if its signature is valid. */
  readonly key?: string | undefined;
  /** The token's time step, relative to the current one: -1, 0 or 1. */
  readonly offset?: number | undefined;
  /** The back end that found the password right. */
  readonly backend?: BackendName | undefined;
  /** What went wrong, if the reason alone does not tell. */
  readonly cause?: string | undefined;
}

interface Refused extends Details {
  readonly outcome: 'refused';
  readonly reason: RefusalReason;
}

/** The answer to a request. */
export type Decision =
  | (Details & {
      readonly outcome: 'accepted';
      readonly reason?: undefined;
      readonly details?: AnswerDetails | undefined;
    })
  | Refused;

/** What became of a request that got no answer. */
export interface Unanswered extends Details {
  readonly outcome: 'unanswered';
  readonly reason: UnansweredReason;
}

/** What became of one request, for the log and the metrics. */
export interface CompletedRequest extends Details {
  readonly context: RequestContext;
  readonly outcome: (Decision | Unanswered)['outcome'];
  readonly reason?: Reason | undefined;
  /** From reading the request to answering it. */
  readonly milliseconds: number;
  /** The users that the answer names. */
  readonly users?: readonly string[] | undefined;
}

/** Receives each completed request. Never throws, and never waits. */
export type RequestSink = (completed: CompletedRequest) => void;

/**
 * Returns what became of a request.
 *
 * @param milliseconds from reading the request to answering it
 */
export function completed(
  context: RequestContext,
  decision: Decision | Unanswered,
  milliseconds: number,
): CompletedRequest {
  const { outcome, reason, key, offset, backend, cause } = decision;
  const users = 'details' in decision ? decision.details?.users : undefined;
  // Copying the object with a spread takes longer than the decision of an `isuser` request.
  return { context, outcome, reason, key, offset, backend, cause, milliseconds, users };
}

/** Returns the decision that accepts a request. */
export function accepted(details: AnswerDetails): Decision {
  return { outcome: 'accepted', details };
}

/** Returns the decision that refuses a request. */
export function refused(reason: RefusalReason, { key, offset, backend, cause }: Details = {}): Decision {
  return { outcome: 'refused', reason, key, offset, backend, cause };
}

/** Returns the decision for a request that failed with an error. */
export function refusedByError(error: unknown): Decision {
  return refused('internal-error', { cause: messageOf(error) });
}
