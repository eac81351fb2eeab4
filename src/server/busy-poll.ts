import { performance } from 'node:perf_hooks';

/** At the most so much of a core is spent on looking in vain. */
const AWAKE_MILLISECONDS = 0.05;

let isLooking = false;
let hasAnswered = false;
let end = Number.NEGATIVE_INFINITY;

/**
 * Is to be called after each answer: for a moment the event loop then looks for the next request without sleeping. A server
 * that asks about one user after the other, as for the presence of many, sends it at once, and to be woken takes a process
 * longer than to decide. Whoever else wants the core gets it.
 */
export function busyPoll(): void {
  hasAnswered = true;
  if (isLooking) return;
  isLooking = true;
  setImmediate(look);
}

/** As long as there is an immediate to be called, the event loop asks for input and does not wait for it. */
function look(): void {
  const now = performance.now();
  if (hasAnswered) end = now + AWAKE_MILLISECONDS;
  hasAnswered = false;
  isLooking = now < end;
  if (isLooking) setImmediate(look);
}
