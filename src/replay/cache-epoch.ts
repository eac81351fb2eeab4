import { DEVIATION_STEPS, timeStepAt, WINDOW_TIME_STEPS } from '../credential/otp.js';

/**
 * For how many time steps after its own a token is kept. Its own window would do, but two neighbouring time steps can have
 * the same OTP by chance: the token then stays valid as one of the later time step.
 */
export const RETAINED_TIME_STEPS: number = DEVIATION_STEPS + WINDOW_TIME_STEPS;

/** A clock that is corrected by NTP moves by less than this, most of all after a boot. */
const CLOCK_CORRECTION_MILLISECONDS = 90_000;

/**
 * Returns whether a token could have been used before the cache epoch, the instant since which the replay cache is complete.
 * Until then, tokens of one time step more than the current one were accepted (the deviation).
 *
 * @param timeStep the time step of the token's OTP
 * @param cacheEpoch milliseconds since the Unix epoch
 */
export function isBeforeEpoch(timeStep: number, cacheEpoch: number): boolean {
  return timeStep <= timeStepAt(cacheEpoch) + DEVIATION_STEPS;
}

/**
 * Returns a function that returns when something started, by the wall clock of the moment of the call. So a clock that was wrong
 * at the start has no effect once it is right: tokens aren't refused for longer, and used tokens aren't accepted.
 *
 * A clock that is set back a little does not move the start back with it: otherwise tokens used shortly before could be used
 * again. A clock that is set back further was either wrong at first or is wrong now. Nothing tells which, so the present clock counts:
 * otherwise a clock that was hours ahead at boot would make every token fail for hours.
 *
 * @param clock returns milliseconds since the Unix epoch
 * @param age returns the milliseconds since the start, by a monotonic clock
 * @returns a function that returns milliseconds since the Unix epoch
 */
export function startInstant(clock: () => number, age: () => number): () => number {
  let latest = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock() - age();
    if (now > latest || now < latest - CLOCK_CORRECTION_MILLISECONDS) latest = now;
    return latest;
  };
}
