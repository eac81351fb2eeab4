import { randomInt } from 'node:crypto';
import type { CredentialKey } from './key.js';
import { timeStepAt } from './otp.js';
import { formatToken } from './token.js';

const NONCE_DIGITS = 32;

/**
 * Mints a token with a key that is already at hand.
 *
 * @param jid a bare JID, already normalised
 * @param now milliseconds since the Unix epoch, from 0 on
 */
export function mintWithKey(key: CredentialKey, jid: string, now: number): string {
  const digits = key.otpSeed.generate(timeStepAt(now)) + randomDigits(NONCE_DIGITS);
  return formatToken({ digits, signature: key.tokenSecret.sign(digits, jid) });
}

function randomDigits(count: number): string {
  return Array.from({ length: count }, () => randomInt(10)).join('');
}
