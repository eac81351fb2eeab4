import { describe, expect, it } from 'vitest';
import { RateLimiter } from '../../src/log/rate-limiter.js';

describe('RateLimiter', () => {
  const create = (): RateLimiter<string> => new RateLimiter({ limit: 3, windowMilliseconds: 10_000 });
  const admitted = (rateLimiter: RateLimiter<string>, kind: string, count: number, now: number): number =>
    Array.from({ length: count }, () => rateLimiter.admits(kind, kind, now)).filter(Boolean).length;

  it('admits the first lines of each kind and counts the others', () => {
    const rateLimiter = create();
    expect(admitted(rateLimiter, 'a', 1000, 0)).toBe(3);
    expect(admitted(rateLimiter, 'b', 2, 5)).toBe(2);
    expect(rateLimiter.takeEnded(9_999)).toEqual([]);
    expect(rateLimiter.hasSuppressed).toBe(true);
    expect(rateLimiter.takeEnded(10_000)).toEqual([{ first: 'a', count: 997, milliseconds: 10_000 }]);
    expect(rateLimiter.hasSuppressed).toBe(false);
  });

  it('opens a window with the first line of its kind', () => {
    const rateLimiter = create();
    admitted(rateLimiter, 'a', 4, 0);
    admitted(rateLimiter, 'b', 4, 6_000);
    expect(rateLimiter.takeEnded(12_000).map(({ first }) => first)).toEqual(['a']);
    expect(admitted(rateLimiter, 'a', 4, 12_000)).toBe(3);
    expect(rateLimiter.takeEnded(16_000).map(({ first }) => first)).toEqual(['b']);
  });

  it('returns the remaining counts on takeAll()', () => {
    const rateLimiter = create();
    admitted(rateLimiter, 'a', 5, 0);
    expect(rateLimiter.takeAll(2_000)).toEqual([{ first: 'a', count: 2, milliseconds: 2_000 }]);
    expect(rateLimiter.takeAll(2_000)).toEqual([]);
  });
});
