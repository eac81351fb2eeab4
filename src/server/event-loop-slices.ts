import { performance } from 'node:perf_hooks';

/**
 * How long connections that wait may use the event loop in one iteration, all together. libuv accepts one connection in each
 * iteration: with a thousand busy connections, these would otherwise take so long that a new one would wait for minutes.
 */
const SLICE_MILLISECONDS = 5;

/** Those who wait for the event loop, the longest first. */
const queue: (() => void)[] = [];
/** Whether a slice has begun or will: a second one in the same iteration would make that longer. */
let isScheduled = false;

/** @returns whether others have waited longer for the event loop: then {@link nextSlice} must be called */
export function isOthersTurn(): boolean {
  return queue.length > 0;
}

/** Waits until all that have waited longer had their turn, and for the next iteration of the event loop at least. */
export function nextSlice(): Promise<void> {
  if (!isScheduled) setImmediate(beginSlice);
  isScheduled = true;
  return new Promise((resolve) => queue.push(resolve));
}

function beginSlice(): void {
  const end = performance.now() + SLICE_MILLISECONDS;
  // Whoever comes meanwhile waits for the next iteration.
  let left = queue.length;
  const goOn = (): void => {
    left -= 1;
    queue.shift()?.();
    // Behind all microtasks that follow from that: decisions are made in them.
    queueMicrotask(() => {
      process.nextTick(() => {
        if (left > 0 && performance.now() < end) goOn();
        else {
          isScheduled = queue.length > 0;
          if (isScheduled) setImmediate(beginSlice);
        }
      });
    });
  };
  goOn();
}
