import { describe, expect, it } from 'vitest';
import { isBeforeEpoch, startInstant } from '../../src/replay/cache-epoch.js';

const STEP = 30_000;
const HOUR = 3_600_000;
const START = 1_000_000 * STEP;

/** Returns which time steps are refused `age` milliseconds after the start, with a clock that is wrong by these offsets in turn. */
function refused(offsets: readonly number[], age: number): (timeStep: number) => boolean {
  let offset = 0;
  let elapsed = 0;
  const start = startInstant(
    () => START + elapsed + offset,
    () => elapsed,
  );
  for (const [index, next] of offsets.entries()) {
    offset = next;
    elapsed = (age * index) / Math.max(offsets.length - 1, 1);
    start();
  }
  return (timeStep) => isBeforeEpoch(timeStep, start());
}

describe('the start of a process or a machine', () => {
  it.each([
    ['was always right', [0, 0]],
    ['was an hour ahead at first', [HOUR, 0]],
    ['was an hour behind at first', [-HOUR, 0]],
    ['was a year ahead, then behind', [8760 * HOUR, -8760 * HOUR, 0]],
  ])('is right if the clock %s', (_, offsets) => {
    const isRefused = refused(offsets, 120_000);
    expect([1_000_000, 1_000_001].map(isRefused)).toEqual([true, true]);
    expect([1_000_002, 1_000_004].map(isRefused)).toEqual([false, false]);
  });

  it('does not move back with a clock that is corrected by some seconds', () => {
    const isRefused = refused([0, -45_000], 1000);
    expect([1_000_000, 1_000_001].map(isRefused)).toEqual([true, true]);
  });
});
