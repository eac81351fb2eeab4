import type { Request } from '../protocol/request.js';
import type { Decision } from './decision.js';
import type { Measurements } from './measurements.js';

type Operation = Request['operation'];
type Reason = NonNullable<Decision['reason']>;

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
  'before-horizon': ['auth'],
  'record-unavailable': BOTH,
  'unprepared-name': BOTH,
  'unknown-host': BOTH,
  'unsupported-operation': ['unsupported'],
  'malformed-request': ['malformed'],
  'no-configuration': BOTH,
  'internal-error': BOTH,
  'too-late': BOTH,
  'incomplete-request': ['malformed'],
};

const UNANSWERED: readonly string[] = ['too-late', 'incomplete-request'] satisfies Reason[];

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
    const verdict = UNANSWERED.includes(reason) ? 'withheld' : 'refused';
    for (const operation of operations) requests.at(operation).at(verdict).at(reason);
  }
  for (const { id } of keys) {
    for (const verdict of ['accepted', 'refused']) keyUses.at(id).at(verdict);
    for (const offset of OFFSETS) offsets.at(id).at(offset);
  }
  for (const result of RESULTS) reloads.at(result);
}
