import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimeStepRanges } from '../../src/replay/time-step-ranges.js';

describe('TimeStepRanges', () => {
  it('holds exactly the time steps that were added, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 })), (timeSteps) => {
        const ranges = new TimeStepRanges();
        for (const timeStep of timeSteps) ranges.add(timeStep);
        for (let timeStep = -1; timeStep <= 61; timeStep += 1)
          expect(ranges.has(timeStep)).toBe(timeSteps.includes(timeStep));
      }),
    );
  });

  it('accepts ranges in any order', () => {
    const range = fc.record({
      from: fc.integer({ min: 0, max: 60 }),
      length: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(range), (added) => {
        const ranges = new TimeStepRanges();
        for (const { from, length } of added) ranges.add(from, from + length);
        for (let timeStep = -1; timeStep <= 70; timeStep += 1) {
          expect(ranges.has(timeStep)).toBe(
            added.some(({ from, length }) => timeStep >= from && timeStep <= from + length),
          );
        }
        // None that touch are left apart.
        const gaps = ranges.ranges.slice(1).map(({ from }, index) => from - (ranges.ranges[index]?.to ?? 0));
        for (const gap of gaps) expect(gap).toBeGreaterThan(1);
      }),
    );
  });

  it('merges the earliest ranges if there are many, and loses none', () => {
    const ranges = new TimeStepRanges();
    const farAhead = 1_000_000;
    ranges.add(farAhead);
    for (let timeStep = 0; timeStep < 20_000; timeStep += 2) {
      ranges.add(timeStep);
      ranges.simplify(timeStep + 5);
    }
    for (let timeStep = 0; timeStep < 20_000; timeStep += 2) expect(ranges.has(timeStep)).toBe(true);
    expect(ranges.ranges.length).toBeLessThanOrEqual(64);
    expect(ranges.has(1)).toBe(true);
    for (const timeStep of [-1, 20_003, farAhead - 1, farAhead + 1]) expect(ranges.has(timeStep)).toBe(false);
  });

  it('never comes to hold a time step that can be used now, not even between near ranges', () => {
    const ranges = new TimeStepRanges();
    for (let index = 0; index < 1000; index += 1) ranges.add(index * 100);
    for (const used of [1_000_017, 1_000_020, 1_000_023]) ranges.add(used);
    ranges.simplify(1_000_020);
    expect(ranges.ranges.length).toBeLessThanOrEqual(64);
    for (const timeStep of [1_000_019, 1_000_021]) expect(ranges.has(timeStep)).toBe(false);
  });

  it('does not come to hold the time steps until a clock that was ahead', () => {
    const ranges = new TimeStepRanges();
    let timeStep = 0;
    for (let login = 0; login < 200; login += 1) {
      timeStep += 120;
      const wrong = timeStep + (login % 40 === 39 ? 20 : 0);
      ranges.add(wrong);
      ranges.simplify(wrong);
      expect(ranges.has(timeStep + 1)).toBe(false);
    }
  });
});
