import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CompletedRequest } from '../../src/daemon/completed-request.js';
import { RequestLog } from '../../src/log/request-log.js';

/** Every reason: the compiler reports a missing or unknown one. */
const reasons: Record<NonNullable<CompletedRequest['reason']>, true> = {
  'malformed-token': true,
  'wrong-signature': true,
  'wrong-otp': true,
  'inactive-key': true,
  replayed: true,
  'replay-unknown': true,
  'replay-cache-unavailable': true,
  'unprepared-name': true,
  'unknown-host': true,
  'unknown-user': true,
  'blocked-user': true,
  'unlisted-user': true,
  'unsupported-operation': true,
  'malformed-request': true,
  'no-configuration': true,
  'internal-error': true,
  'deadline-exceeded': true,
  'incomplete-request': true,
};
const outcomes: Record<CompletedRequest['outcome'], true> = {
  accepted: true,
  refused: true,
  unanswered: true,
};

/** Returns the names of the fields of a logged request. */
function loggedFields(): string[] {
  const names: string[] = [];
  const requestLog = new RequestLog({
    write: (_level, _message, fields = {}) => names.push(...Object.keys(fields)),
    close: () => undefined,
  });
  requestLog.write({
    listener: 'stdin',
    operation: 'auth',
    outcome: 'accepted',
    reason: undefined,
    cause: undefined,
    context: {},
    milliseconds: 0,
  });
  return names;
}

describe('docs/logs.md', () => {
  const page = readFileSync('docs/logs.md', 'utf8');
  /** Returns the first column of the tables of a section. */
  const namesIn = (section: string): string[] =>
    Array.from(sectionOf(page, section).matchAll(/^\| `([\w-]+)`/gm), ([, name]) => name ?? '').sort();

  it('documents exactly the reasons that exist', () => {
    expect(namesIn('Reasons')).toEqual(Object.keys(reasons).sort());
  });

  it('documents exactly the outcomes and the fields that are logged', () => {
    expect(namesIn('Decisions')).toEqual([...Object.keys(outcomes), ...loggedFields()].sort());
  });
});

function sectionOf(page: string, title: string): string {
  const [, section] = page.split(`\n## ${title}\n`);
  if (section === undefined) throw new Error(`expected a section ${title} in docs/logs.md`);
  return section.split('\n## ', 1)[0] ?? '';
}
