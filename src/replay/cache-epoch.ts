import { DEVIATION_STEPS, timeStepAt } from '../credential/otp.js';

/**
 * A record is complete only since some instant, its horizon. Until then the tokens of one step more than its own were
 * accepted (the deviation): whether those were used cannot be told.
 *
 * @param timeStep the time step of a token's OTP
 * @param cacheEpoch since when the record is complete, in milliseconds since the Unix epoch
 */
export function isBeforeEpoch(timeStep: number, cacheEpoch: number): boolean {
  return timeStep <= timeStepAt(cacheEpoch) + DEVIATION_STEPS;
}
