import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CompletedRequest } from '../../src/authenticator/decision.js';
import { reasons } from '../../src/authenticator/reasons.js';
import { RequestLog } from '../../src/log/request-log.js';

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
    outcome: 'accepted',
    context: { operation: 'auth', listener: 'stdin' },
    milliseconds: 0,
  });
  return names;
}

describe('docs/logs.md', () => {
  const page = readFileSync('docs/logs.md', 'utf8');
  /** Returns the first column of the tables of a section. */
  const namesIn = (section: string): string[] =>
    Array.from(sectionOf(page, section).matchAll(/^\| `([\w-]+)`/gm), ([, name]) => name ?? '').sort();

  it('documents exactly the reasons that exist, with their meaning', () => {
    const rows = sectionOf(page, 'Reasons').matchAll(/^\| `([\w-]+)` *\| (.*?) *\|/gm);
    expect(Object.fromEntries(Array.from(rows, ([, name, meaning]) => [name, meaning]))).toEqual(reasons);
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
