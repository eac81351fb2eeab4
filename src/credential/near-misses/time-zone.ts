import { TIME_STEP_MILLISECONDS } from '../otp.js';

const STEPS_PER_QUARTER_HOUR = (15 * 60 * 1000) / TIME_STEP_MILLISECONDS;
const HOUR_MINUTES = 60;
const MAX_MINUTES = 14 * HOUR_MINUTES;
/** The offsets in use that are no whole hours, in minutes, also those of summer time; on either side of UTC. */
const BROKEN_MINUTES = new Set([150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825]);
/** A clock may be a step ahead, and a token is looked at some time after it was made. */
const MAX_STEPS_AHEAD = 1;
const MAX_STEPS_OLD = 4;

/**
 * Tells whether a distance between two times can come from local time that was mixed up with UTC.
 *
 * @param timeSteps how many time steps a token is ahead, negative if it's behind
 * @returns the distance in minutes, or `undefined` if no time zone has that offset
 */
export function timeZoneShift(timeSteps: number): number | undefined {
  const quarters = Math.ceil((timeSteps - MAX_STEPS_AHEAD) / STEPS_PER_QUARTER_HOUR);
  const age = quarters * STEPS_PER_QUARTER_HOUR - timeSteps;
  const minutes = quarters * 15;
  return isOffset(Math.abs(minutes)) && age <= MAX_STEPS_OLD ? minutes : undefined;
}

function isOffset(minutes: number): boolean {
  const isWhole = minutes % HOUR_MINUTES === 0 && minutes >= HOUR_MINUTES;
  return minutes <= MAX_MINUTES && (isWhole || BROKEN_MINUTES.has(minutes));
}
