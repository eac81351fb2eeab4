import { performance } from 'node:perf_hooks';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { busyPoll, mustYield, nextSlice } from '../../src/server/event-loop.js';

/** While there are any, the event loop does not sleep. */
function immediates(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Immediate').length;
}

function keepBusy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe('busyPoll', () => {
  it('keeps the event loop from sleeping for a moment after one answer, or several', async () => {
    const before = immediates();
    for (let round = 0; round < 2; round += 1) {
      busyPoll();
      busyPoll();
      expect(immediates()).toBe(before + 1);
      await nextIteration();
      expect(immediates()).toBe(before + 1);
      await expect.poll(immediates).toBe(before);
    }
  });
});

describe('nextSlice', () => {
  it('serves those who wait in order, so that nobody is overtaken', async () => {
    const served: number[] = [];
    let isOver = false;
    const greedy = Array.from({ length: 40 }, async (_, index) => {
      while (!isOver) {
        await nextSlice();
        served.push(index);
        keepBusy(0.5);
      }
    });
    while (served.length < 100) await nextIteration();
    const before = served.length;
    expect(mustYield()).toBe(true);
    await nextSlice();
    expect(served.length - before).toBeLessThanOrEqual(40);
    isOver = true;
    await Promise.all(greedy);
    expect(mustYield()).toBe(false);
  });

  it('runs one slice in each iteration, even for a single caller', async () => {
    let [iterations, slices, isOver] = [0, 0, false];
    const count = async (): Promise<void> => {
      for (; !isOver; iterations += 1) await nextIteration();
    };
    const counted = count();
    for (; slices < 50; slices += 1) {
      await nextSlice();
      keepBusy(0.2);
    }
    isOver = true;
    await counted;
    expect(iterations).toBeGreaterThanOrEqual(slices - 1);
  });

  it('ends a slice after some time, so that many callers do not keep the event loop from its input', async () => {
    const served: number[] = [];
    const many = Array.from({ length: 200 }, async (_, index) => {
      await nextSlice();
      served.push(index);
      keepBusy(1);
      // Decisions are made in microtasks.
      await Promise.resolve();
      keepBusy(1);
    });
    let iterations = 0;
    while (served.length < 200) {
      await nextIteration();
      iterations += 1;
    }
    await Promise.all(many);
    expect(served).toEqual(Array.from({ length: 200 }, (_, index) => index));
    // 400 ms of work, in slices of 5 ms and the rest of the last caller's work.
    expect(iterations).toBeGreaterThan(20);
  });
});
