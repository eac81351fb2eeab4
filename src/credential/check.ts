import { timingSafeEqual } from 'node:crypto';
import type { CredentialCheck } from './credential-check.js';
import type { CredentialKey } from './key.js';
import { otpOf, parseToken } from './token.js';

/**
 * Checks one credential. Whether it was used before is not looked at.
 *
 * @param key the secrets that it must have been made with
 * @param text what the client sent as its password
 * @param jid the bare JID as the server sends it, already normalised
 * @param now milliseconds since the Unix epoch
 */
export function checkCredential(key: CredentialKey, text: string, jid: string, now: number): CredentialCheck {
  const token = parseToken(text);
  if (token === undefined) return { accepted: false, reason: 'malformed-token' };
  const signature = key.tokenSecret.sign(token.digits, jid);
  const signed = timingSafeEqual(signature, token.signature);
  // Both are always looked at: without the token_secret nobody learns from the time taken whether an OTP is right.
  const step = key.otpSeed.findStep(otpOf(token), now);
  if (!signed) return { accepted: false, reason: 'wrong-signature' };
  if (step === undefined) return { accepted: false, reason: 'wrong-otp' };
  return { accepted: true, step, id: signature.toString('latin1') };
}
