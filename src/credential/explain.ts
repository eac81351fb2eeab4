import type { CredentialKey } from './key.js';
import { STEP_MILLISECONDS, stepAt } from './otp.js';
import { otpOf, parseToken } from './token.js';

const STEPS_PER_DAY = (24 * 60 * 60 * 1000) / STEP_MILLISECONDS;

/** What can be said of a token beyond accepted and refused. */
export interface Explanation {
  /** Whether the signature is right for the JID. */
  readonly signed: boolean;
  /** The step nearest to the present, within a day, that the OTP belongs to; `undefined` where there is none. */
  readonly step: number | undefined;
}

/**
 * Looks closer at a token than the daemon does, in order to say what is wrong with it. Accepts nothing.
 *
 * @param jid a bare JID, already normalised
 * @param now milliseconds since the Unix epoch
 * @returns `undefined` for what is not a token
 */
export function explainToken(
  key: CredentialKey,
  text: string,
  jid: string,
  now: number,
): Explanation | undefined {
  const token = parseToken(text);
  if (token === undefined) return undefined;
  const signed = key.tokenSecret.sign(token.digits, jid).equals(token.signature);
  return { signed, step: nearestStep(key, otpOf(token), stepAt(now)) };
}

function nearestStep(key: CredentialKey, otp: string, current: number): number | undefined {
  for (let distance = 0; distance <= STEPS_PER_DAY; distance += 1) {
    const step = [current - distance, current + distance].find(
      (s) => s >= 0 && key.otpSeed.generate(s) === otp,
    );
    if (step !== undefined) return step;
  }
  return undefined;
}
