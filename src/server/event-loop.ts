import { performance } from 'node:perf_hooks';

/** How long to busy-poll after an answer. */
const BUSY_POLL_MILLISECONDS = 0.05;

let isPolling = false;
let hasAnswered = false;
let pollUntil = Number.NEGATIVE_INFINITY;

/**
 * Busy-polls for a moment. Call it after each answer: a server that asks about one user after another, as for the presence of
 * many, sends the next request at once, and waking a process takes longer than a decision.
 */
export function busyPoll(): void {
  hasAnswered = true;
  if (isPolling) return;
  isPolling = true;
  setImmediate(poll);
}

/** The event loop does not sleep while an immediate is due. */
function poll(): void {
  const now = performance.now();
  if (hasAnswered) pollUntil = now + BUSY_POLL_MILLISECONDS;
  hasAnswered = false;
  isPolling = now < pollUntil;
  if (isPolling) setImmediate(poll);
}

/**
 * How long all waiting connections together can use one iteration of the event loop. libuv accepts one connection in each
 * iteration, so a thousand busy connections would otherwise keep a new one waiting for minutes.
 */
const SLICE_MILLISECONDS = 5;

/** Callbacks that wait for the event loop, the oldest first. */
const queue: (() => void)[] = [];
/** Each iteration runs at most one slice. */
let isSliceScheduled = false;

/** Returns whether other callbacks wait for the event loop. If so, call {@link nextSlice}. */
export function mustYield(): boolean {
  return queue.length > 0;
}

/** Waits until all that have waited longer have run, and at least for the next iteration of the event loop. */
export function nextSlice(): Promise<void> {
  if (!isSliceScheduled) setImmediate(runSlice);
  isSliceScheduled = true;
  return new Promise((resolve) => queue.push(resolve));
}

function runSlice(): void {
  const end = performance.now() + SLICE_MILLISECONDS;
  // Callbacks that are added meanwhile run in the next iteration.
  let left = queue.length;
  const runNext = (): void => {
    left -= 1;
    queue.shift()?.();
    // After all microtasks that follow from that: decisions are made in them.
    queueMicrotask(() => {
      process.nextTick(() => {
        if (left > 0 && performance.now() < end) runNext();
        else {
          isSliceScheduled = queue.length > 0;
          if (isSliceScheduled) setImmediate(runSlice);
        }
      });
    });
  };
  runNext();
}
