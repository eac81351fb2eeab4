import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestLog } from '../../src/log/request-log.js';
import type { CompletedRequest } from '../../src/authenticator/decision.js';
import type { Fields, Log } from '../../src/log/log.js';

const context = {
  operation: 'auth',
  jid: 'alice@example.com',
  host: 'example.com',
  listener: '/run/xtokend/xtokend.sock',
} as const;
const accepted: CompletedRequest = {
  outcome: 'accepted',
  context,
  key: '2026',
  offset: 0,
  milliseconds: 0.123456,
};
const refused = {
  outcome: 'refused',
  reason: 'wrong-signature',
  context,
  milliseconds: 0.1,
} satisfies CompletedRequest;

let lines: [string, string, Fields | undefined][] = [];
const log: Log = { write: (...line) => lines.push(line as (typeof lines)[0]), close: () => undefined };
const messages = (): string[] => lines.map(([level, message]) => `${level} ${message}`);

function repeat(times: number, request: CompletedRequest, requestLog: RequestLog): void {
  for (let count = 0; count < times; count += 1) requestLog.write(request);
}

beforeEach(() => {
  lines = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('RequestLog', () => {
  it('writes all that is known of a request', () => {
    const requestLog = new RequestLog(log, () => Date.now());
    requestLog.write(accepted);
    requestLog.write({ ...refused, outcome: 'unanswered', reason: 'deadline-exceeded' });
    requestLog.write({ ...refused, reason: 'internal-error', cause: 'EIO' });
    expect(messages()).toEqual(['info accepted', 'warning unanswered', 'error refused']);
    expect(lines[0]?.[2]).toEqual({
      ...{ operation: 'auth', jid: 'alice@example.com', host: 'example.com', key: '2026', offset: 0 },
      ...{ listener: '/run/xtokend/xtokend.sock', ms: 0.12 },
    });
    expect(lines[1]?.[2]).toMatchObject({ ...context, reason: 'deadline-exceeded' });
    expect(lines[2]?.[2]).toMatchObject({ ...context, reason: 'internal-error', cause: 'EIO' });
  });

  it('shortens long names', () => {
    const name = 'a'.repeat(1000);
    new RequestLog(log, () => Date.now()).write({
      ...refused,
      context: { ...context, jid: `${name}@${name}`, host: name },
    });
    expect(lines[0]?.[2]).toMatchObject({ jid: `${'a'.repeat(256)}…`, host: `${'a'.repeat(256)}…` });
  });

  it('writes fifty refusals of a reason in ten seconds, and counts the suppressed ones', () => {
    const requestLog = new RequestLog(log, () => Date.now());
    repeat(1254, refused, requestLog);
    repeat(3, { ...refused, reason: 'replayed' }, requestLog);
    expect(lines).toHaveLength(53);
    vi.advanceTimersByTime(9_000);
    expect(lines).toHaveLength(53);
    vi.advanceTimersByTime(2_000);
    expect(lines[53]).toEqual([
      'info',
      'suppressed 1,204 similar refusals in 10 s',
      { operation: 'auth', reason: 'wrong-signature', count: 1204 },
    ]);
    requestLog.write(refused);
    expect(messages().at(-1)).toBe('info refused');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts each window of a long flood', () => {
    const requestLog = new RequestLog(log, () => Date.now());
    for (let second = 0; second < 30; second += 1) {
      repeat(100, refused, requestLog);
      vi.advanceTimersByTime(1000);
    }
    requestLog.close();
    const counts = lines.flatMap(([, , fields]) => fields?.['count'] ?? []);
    expect(lines.length).toBeLessThanOrEqual(4 * 51);
    expect(counts.reduce<number>((sum, count) => sum + Number(count), lines.length - counts.length)).toBe(
      3000,
    );
  });

  it('writes how many lines were suppressed when it is closed', () => {
    const requestLog = new RequestLog(log, () => Date.now());
    repeat(60, { ...refused, outcome: 'unanswered', reason: 'deadline-exceeded' }, requestLog);
    vi.advanceTimersByTime(3_100);
    requestLog.close();
    requestLog.close();
    expect(messages().slice(50)).toEqual(['warning suppressed 10 similar unanswered requests in 3 s']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('writes which blocked users are online, and nothing else of what Prosody asks all the time', () => {
    const subject = new RequestLog(log);
    const context = { host: 'example.com', listener: 'socket' };
    const answered = { outcome: 'accepted', milliseconds: 1 } as const;
    subject.write({ ...answered, context: { ...context, operation: 'recheck' }, users: [] });
    subject.write({ ...answered, context: { ...context, operation: 'list' }, users: ['alice'] });
    subject.write({ ...answered, context: { ...context, operation: 'recheck' }, users: ['mallory'] });
    expect(lines).toEqual([
      ['info', 'blocked user online', { operation: 'recheck', jid: 'mallory@example.com', ...context }],
    ]);
  });

  it('never suppresses accepted logins', () => {
    repeat(1000, accepted, new RequestLog(log, () => Date.now()));
    expect(lines).toHaveLength(1000);
  });
});
