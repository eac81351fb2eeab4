import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StepRanges } from '../../src/replay/step-ranges.js';

describe('StepRanges', () => {
  it('has what was added, and nothing else, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 })), (steps) => {
        const ranges = new StepRanges();
        for (const step of steps) ranges.add(step);
        for (let step = -1; step <= 61; step += 1) expect(ranges.has(step)).toBe(steps.includes(step));
      }),
    );
  });

  it('stays small: of very many it joins the oldest, and loses none', () => {
    const ranges = new StepRanges();
    for (let step = 0; step < 20_000; step += 2) ranges.add(step);
    for (let step = 0; step < 20_000; step += 2) expect(ranges.has(step)).toBe(true);
    expect(ranges.has(1)).toBe(true);
    expect(ranges.has(19_997)).toBe(false);
    expect(ranges.has(20_000)).toBe(false);
  });
});
