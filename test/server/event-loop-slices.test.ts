import { setImmediate as nextIteration } from 'node:timers/promises';
import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { isOthersTurn, nextSlice } from '../../src/server/event-loop-slices.js';

function keepBusy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe('the slices of the event loop', () => {
  it('come in turn: nobody is overtaken by those who have just had theirs', async () => {
    const turns: number[] = [];
    let isOver = false;
    const greedy = Array.from({ length: 40 }, async (_, index) => {
      while (!isOver) {
        await nextSlice();
        turns.push(index);
        keepBusy(0.5);
      }
    });
    while (turns.length < 100) await nextIteration();
    const before = turns.length;
    expect(isOthersTurn()).toBe(true);
    await nextSlice();
    expect(turns.length - before).toBeLessThanOrEqual(40);
    isOver = true;
    await Promise.all(greedy);
    expect(isOthersTurn()).toBe(false);
  });

  it('are one in each iteration, for a lone one who comes again and again as well', async () => {
    let [iterations, turns, isOver] = [0, 0, false];
    const count = async (): Promise<void> => {
      for (; !isOver; iterations += 1) await nextIteration();
    };
    const counted = count();
    for (; turns < 50; turns += 1) {
      await nextSlice();
      keepBusy(0.2);
    }
    isOver = true;
    await counted;
    expect(iterations).toBeGreaterThanOrEqual(turns - 1);
  });

  it('end with an iteration: many who wait do not keep it from input', async () => {
    const turns: number[] = [];
    const many = Array.from({ length: 200 }, async (_, index) => {
      await nextSlice();
      turns.push(index);
      keepBusy(1);
      // Decisions come in microtasks.
      await Promise.resolve();
      keepBusy(1);
    });
    let iterations = 0;
    while (turns.length < 200) {
      await nextIteration();
      iterations += 1;
    }
    await Promise.all(many);
    expect(turns).toEqual(Array.from({ length: 200 }, (_, index) => index));
    // 400 ms of work, in slices of 5 ms and the end of the last turn.
    expect(iterations).toBeGreaterThan(20);
  });
});
