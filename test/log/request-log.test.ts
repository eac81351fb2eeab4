import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestLog } from '../../src/log/request-log.js';
import type { CompletedRequest } from '../../src/daemon/completed-request.js';
import type { Fields, Log } from '../../src/log/log.js';

const accepted: CompletedRequest = {
  listener: '/run/xtokend/xtokend.sock',
  operation: 'auth',
  outcome: 'accepted',
  reason: undefined,
  cause: undefined,
  context: { jid: 'alice@example.com', host: 'example.com', key: '2026', offset: 0 },
  milliseconds: 0.123456,
};
const refused: CompletedRequest = {
  ...accepted,
  outcome: 'refused',
  reason: 'wrong-signature',
  context: { jid: 'alice@example.com', host: 'example.com' },
};

let lines: [string, string, Fields | undefined][] = [];
const log: Log = { write: (...line) => lines.push(line as (typeof lines)[0]), close: () => undefined };
const messages = (): string[] => lines.map(([level, message]) => `${level} ${message}`);

function repeat(times: number, decision: CompletedRequest, decisionLog: RequestLog): void {
  for (let count = 0; count < times; count += 1) decisionLog.write(decision);
}

beforeEach(() => {
  lines = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('DecisionLog', () => {
  it('writes what is known of a decision', () => {
    const decisionLog = new RequestLog(log, () => Date.now());
    decisionLog.write(accepted);
    decisionLog.write({ ...refused, outcome: 'unanswered', reason: 'deadline-exceeded' });
    decisionLog.write({ ...refused, reason: 'internal-error', cause: 'EIO' });
    expect(messages()).toEqual(['info accepted', 'warning unanswered', 'error refused']);
    expect(lines[0]?.[2]).toEqual({
      ...{ operation: 'auth', jid: 'alice@example.com', host: 'example.com', key: '2026', offset: 0 },
      ...{ listener: '/run/xtokend/xtokend.sock', ms: 0.12 },
    });
    expect(lines[2]?.[2]).toMatchObject({ reason: 'internal-error', cause: 'EIO' });
  });

  it('cuts names that are long', () => {
    const name = 'a'.repeat(1000);
    new RequestLog(log, () => Date.now()).write({
      ...refused,
      context: { jid: `${name}@${name}`, host: name },
    });
    expect(lines[0]?.[2]).toMatchObject({ jid: `${'a'.repeat(256)}…`, host: `${'a'.repeat(256)}…` });
  });

  it('writes fifty refusals of a reason in ten seconds, and how many more there were', () => {
    const decisionLog = new RequestLog(log, () => Date.now());
    repeat(1254, refused, decisionLog);
    repeat(3, { ...refused, reason: 'replayed' }, decisionLog);
    expect(lines).toHaveLength(53);
    vi.advanceTimersByTime(9_000);
    expect(lines).toHaveLength(53);
    vi.advanceTimersByTime(2_000);
    expect(lines[53]).toEqual([
      'info',
      'refused 1,204 more in 10 s',
      { operation: 'auth', reason: 'wrong-signature', count: 1204 },
    ]);
    decisionLog.write(refused);
    expect(messages().at(-1)).toBe('info refused');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts each window of a flood that goes on', () => {
    const decisionLog = new RequestLog(log, () => Date.now());
    for (let second = 0; second < 30; second += 1) {
      repeat(100, refused, decisionLog);
      vi.advanceTimersByTime(1000);
    }
    decisionLog.close();
    const counts = lines.flatMap(([, , fields]) => fields?.['count'] ?? []);
    expect(lines.length).toBeLessThanOrEqual(4 * 51);
    expect(counts.reduce<number>((sum, count) => sum + Number(count), lines.length - counts.length)).toBe(
      3000,
    );
  });

  it('writes what it held back at its end', () => {
    const decisionLog = new RequestLog(log, () => Date.now());
    repeat(60, { ...refused, outcome: 'unanswered', reason: 'deadline-exceeded' }, decisionLog);
    vi.advanceTimersByTime(3_100);
    decisionLog.close();
    decisionLog.close();
    expect(messages().slice(50)).toEqual(['warning unanswered 10 more in 3 s']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('never leaves out who was let in', () => {
    repeat(1000, accepted, new RequestLog(log, () => Date.now()));
    expect(lines).toHaveLength(1000);
  });
});
