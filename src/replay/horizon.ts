import { DEVIATION_STEPS, stepAt } from '../credential/otp.js';

/**
 * A record is complete only since some instant, its horizon. Until then the tokens of one step more than its own were
 * accepted (the deviation): whether those were used cannot be told.
 *
 * @param step the time step of a token's OTP
 * @param horizon since when the record is complete, in milliseconds since the Unix epoch
 */
export function isBeforeHorizon(step: number, horizon: number): boolean {
  return step <= stepAt(horizon) + DEVIATION_STEPS;
}
