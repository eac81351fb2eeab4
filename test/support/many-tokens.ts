import { randomBytes } from 'node:crypto';
import { TIME_STEP_MILLISECONDS, timeStepAt } from '../../src/credential/otp.js';
import { formatToken, NONCE_DIGITS } from '../../src/credential/token.js';
import { key } from './keys.js';

/** Of all tokens of this process, so that no two are the same. */
const prefix = (randomBytes(6).readUIntBE(0, 6) % 1e12).toString();
const otps = new Map<number, string>();
let minted = 0;

/**
 * Mints a token for a@b many times faster than `mintToken`, which computes the OTP each time.
 *
 * @param now milliseconds since the Unix epoch
 */
export function mintFast(now: number): string {
  const timeStep = timeStepAt(now);
  let otp = otps.get(timeStep);
  if (otp === undefined) otps.set(timeStep, (otp = key.otpSeed.generate(timeStep)));
  minted += 1;
  const digits = otp + prefix + String(minted).padStart(NONCE_DIGITS - prefix.length, '0');
  return formatToken({ digits, signature: key.tokenSecret.sign(digits, 'a@b') });
}

/** Mints tokens of the next time step: they are valid for at least a minute, so that a slow machine can use all of them. */
export function mintMany(count: number): string[] {
  const now = Date.now() + TIME_STEP_MILLISECONDS;
  return Array.from({ length: count }, () => mintFast(now));
}
