import { describe, expect, it } from 'vitest';
import { Flood } from '../../src/operations/flood.js';

describe('Flood', () => {
  const create = (): Flood<string> => new Flood({ limit: 3, windowMilliseconds: 10_000 });
  const admitted = (flood: Flood<string>, kind: string, count: number, now: number): number =>
    Array.from({ length: count }, () => flood.admits(kind, kind, now)).filter(Boolean).length;

  it('admits the first of each kind and counts the others', () => {
    const flood = create();
    expect(admitted(flood, 'a', 1000, 0)).toBe(3);
    expect(admitted(flood, 'b', 2, 5)).toBe(2);
    expect(flood.takeEnded(9_999)).toEqual([]);
    expect(flood.isHoldingBack).toBe(true);
    expect(flood.takeEnded(10_000)).toEqual([{ about: 'a', count: 997, milliseconds: 10_000 }]);
    expect(flood.isHoldingBack).toBe(false);
  });

  it('opens a window with the first line of its kind', () => {
    const flood = create();
    admitted(flood, 'a', 4, 0);
    admitted(flood, 'b', 4, 6_000);
    expect(flood.takeEnded(12_000).map(({ about }) => about)).toEqual(['a']);
    expect(admitted(flood, 'a', 4, 12_000)).toBe(3);
    expect(flood.takeEnded(16_000).map(({ about }) => about)).toEqual(['b']);
  });

  it('gives what is left at the end', () => {
    const flood = create();
    admitted(flood, 'a', 5, 0);
    expect(flood.takeAll(2_000)).toEqual([{ about: 'a', count: 2, milliseconds: 2_000 }]);
    expect(flood.takeAll(2_000)).toEqual([]);
  });
});
