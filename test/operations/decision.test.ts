import { expect, it } from 'vitest';
import { observeListener, type Decision } from '../../src/operations/decision.js';

it('is told at once, so that a process that ends right after an answer has it in its log', () => {
  const told: Decision[] = [];
  const observer = observeListener('terminal', [(decision) => told.push(decision)]);
  const request = { operation: 'isuser', user: 'alice', host: 'example.com' } as const;
  const about = { jid: 'alice@example.com', host: 'example.com' };
  observer.decided(request, { accepted: true, about }, performance.now());
  observer.decided(request, { accepted: false, reason: 'unknown-user', about }, performance.now());
  observer.failed(request, new Error('the disk is gone'), performance.now());
  observer.withheld(request, performance.now());
  observer.incomplete('looks like TLS', performance.now());
  expect(told.map(({ outcome, reason, cause }) => [outcome, reason, cause])).toEqual([
    ['accepted', undefined, undefined],
    ['refused', 'unknown-user', undefined],
    ['refused', 'internal-error', 'the disk is gone'],
    ['withheld', 'too-late', undefined],
    ['withheld', 'incomplete-request', 'looks like TLS'],
  ]);
  expect(told.map((decision) => decision.about)).toEqual([about, about, {}, {}, {}]);
});
