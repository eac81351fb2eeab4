import { STEP_MILLISECONDS } from '../otp.js';

const STEPS_PER_QUARTER_HOUR = (15 * 60 * 1000) / STEP_MILLISECONDS;
/** UTC offsets reach from −12:00 to +14:00 in whole quarters of an hour; none but UTC itself is nearer to it than an hour. */
const MIN_QUARTERS = 4;
const MAX_QUARTERS = 14 * 4;
/** A clock may be a step ahead, and a token is looked at some time after it was made. */
const MAX_STEPS_AHEAD = 1;
const MAX_STEPS_OLD = 4;

/**
 * Tells whether a distance between two times can come from local time that was mixed up with UTC.
 *
 * @param steps how many time steps a token is ahead, negative if it's behind
 * @returns the distance in minutes, or `undefined` if no time zone has that offset
 */
export function timeZoneShift(steps: number): number | undefined {
  const quarters = Math.ceil((steps - MAX_STEPS_AHEAD) / STEPS_PER_QUARTER_HOUR);
  const age = quarters * STEPS_PER_QUARTER_HOUR - steps;
  const isOffset = Math.abs(quarters) >= MIN_QUARTERS && Math.abs(quarters) <= MAX_QUARTERS;
  return isOffset && age <= MAX_STEPS_OLD ? quarters * 15 : undefined;
}
