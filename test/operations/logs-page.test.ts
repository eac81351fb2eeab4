import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/operations/decision.js';

/** All there are: the types do not let one be missing here, or be too many. */
const reasons: Record<NonNullable<Decision['reason']>, true> = {
  'malformed-token': true,
  'wrong-signature': true,
  'wrong-otp': true,
  'inactive-key': true,
  replayed: true,
  'before-horizon': true,
  'record-unavailable': true,
  'unprepared-name': true,
  'unknown-host': true,
  'unknown-user': true,
  'blocked-user': true,
  'unlisted-user': true,
  'unsupported-operation': true,
  'malformed-request': true,
  'no-configuration': true,
  'internal-error': true,
  'too-late': true,
  'incomplete-request': true,
};
const outcomes: Record<Decision['outcome'], true> = { accepted: true, refused: true, withheld: true };

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
