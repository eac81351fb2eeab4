import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CompletedRequest } from '../../src/daemon/completed-request.js';

/** All there are: the types do not let one be missing here, or be too many. */
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

describe('docs/logs.md', () => {
  const page = readFileSync('docs/logs.md', 'utf8');
  /** What stands in the first column of the tables of a section. */
  const namesIn = (section: string): string[] =>
    Array.from(sectionOf(page, section).matchAll(/^\| `([\w-]+)`/gm), ([, name]) => name ?? '').sort();

  it('names every reason, and no other', () => {
    expect(namesIn('Reasons')).toEqual(Object.keys(reasons).sort());
  });

  it('names every outcome, and every field of a decision', () => {
    const fields = ['operation', 'reason', 'jid', 'host', 'key', 'offset', 'listener', 'cause', 'ms'];
    expect(namesIn('Decisions')).toEqual([...Object.keys(outcomes), ...fields].sort());
  });
});

function sectionOf(page: string, title: string): string {
  const [, section] = page.split(`\n## ${title}\n`);
  if (section === undefined) throw new Error(`expected a section ${title} in docs/logs.md`);
  return section.split('\n## ', 1)[0] ?? '';
}
