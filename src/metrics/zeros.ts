import type { Request } from '../protocol/request.js';
import type { CompletedRequest } from '../daemon/completed-request.js';
import type { Measurements } from './measurements.js';

type Operation = Request['operation'];
type Reason = NonNullable<CompletedRequest['reason']>;

const BOTH: readonly Operation[] = ['auth', 'isuser'];

/** Which operations can be refused, or left without an answer, for which reason. */
const operationsOf: Readonly<Record<Reason, readonly Operation[]>> = {
  'malformed-token': ['auth'],
  'wrong-signature': ['auth'],
  'wrong-otp': ['auth'],
  'inactive-key': ['auth'],
  'blocked-user': ['auth'],
  'unlisted-user': ['auth'],
  'unknown-user': ['isuser'],
  replayed: ['auth'],
  'replay-unknown': ['auth'],
  'replay-cache-unavailable': BOTH,
  'unprepared-name': BOTH,
  'unknown-host': BOTH,
  'unsupported-operation': ['unsupported'],
  'malformed-request': ['malformed'],
  'no-configuration': BOTH,
  'internal-error': BOTH,
  'deadline-exceeded': BOTH,
  'incomplete-request': ['malformed'],
};

const UNANSWERED: readonly string[] = ['deadline-exceeded', 'incomplete-request'] satisfies Reason[];

/** The steps that a token can be from. */
const OFFSETS = ['-1', '0', '1'];
const RESULTS = ['success', 'failure'];

/**
 * Enters 0 for what has not happened yet: Prometheus sees no increase in a series that begins with 1, and so would miss the
 * first time.
 */
export function enterZeros({ requests, keyUses, offsets, reloads, keys }: Measurements): void {
  for (const operation of BOTH) requests.at(operation).at('accepted').at('none');
  for (const [reason, operations] of Object.entries(operationsOf)) {
    const outcome = UNANSWERED.includes(reason) ? 'unanswered' : 'refused';
    for (const operation of operations) requests.at(operation).at(outcome).at(reason);
  }
  for (const { id } of keys) {
    for (const outcome of ['accepted', 'refused']) keyUses.at(id).at(outcome);
    for (const offset of OFFSETS) offsets.at(id).at(offset);
  }
  for (const result of RESULTS) reloads.at(result);
}
