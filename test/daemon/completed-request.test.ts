import { expect, it } from 'vitest';
import { observeListener, type CompletedRequest } from '../../src/daemon/completed-request.js';

it('is told at once, so that a process that ends right after an answer has it in its log', () => {
  const told: CompletedRequest[] = [];
  const observer = observeListener('terminal', [(decision) => told.push(decision)]);
  const request = { operation: 'isuser', user: 'alice', host: 'example.com' } as const;
  const context = { jid: 'alice@example.com', host: 'example.com' };
  observer.decided(request, { accepted: true, context }, performance.now());
  observer.decided(request, { accepted: false, reason: 'unknown-user', context }, performance.now());
  observer.failed(request, new Error('the disk is gone'), performance.now());
  observer.unanswered(request, performance.now());
  observer.incomplete('looks like TLS', performance.now());
  expect(told.map(({ outcome, reason, cause }) => [outcome, reason, cause])).toEqual([
    ['accepted', undefined, undefined],
    ['refused', 'unknown-user', undefined],
    ['refused', 'internal-error', 'the disk is gone'],
    ['unanswered', 'deadline-exceeded', undefined],
    ['unanswered', 'incomplete-request', 'looks like TLS'],
  ]);
  expect(told.map((decision) => decision.context)).toEqual([context, context, {}, {}, {}]);
});
