import { timingSafeEqual } from 'node:crypto';
import type { AcceptedCredential, RefusedCredential } from './credential-check.js';
import type { CredentialKey } from './key.js';
import { otpOf, parseToken, type Token } from './token.js';

/** What a check found, with the key that the credential was made with. */
export type KeyedCheck<Key> = (AcceptedCredential & { readonly key: Key }) | RefusedCredential;

/**
 * Checks one credential. Whether it was used before is not looked at.
 *
 * @param keys of which it must have been made with one; at least one
 * @param text what the client sent as its password
 * @param jid the bare JID as the server sends it, already normalised
 * @param now milliseconds since the Unix epoch
 */
export function checkCredential<Key extends CredentialKey>(
  keys: readonly Key[],
  text: string,
  jid: string,
  now: number,
): KeyedCheck<Key> {
  const token = parseToken(text);
  if (token === undefined) return { accepted: false, reason: 'malformed-token' };
  const otp = otpOf(token);
  let isOtp = false;
  // The OTP tells which key it can be, so that more keys cost a comparison each, and there's one HMAC whatever comes. A right OTP
  // still takes about 1 µs longer, since its path is rarely taken and so not optimised. It's of no use without the token_secret.
  for (const key of keys) {
    const timeStep = key.otpSeed.findStep(otp, now);
    if (timeStep === undefined) continue;
    // Of more than one key only by chance, or for who knows both seeds.
    isOtp = true;
    const signature = key.tokenSecret.sign(token.digits, jid);
    if (!timingSafeEqual(signature, token.signature)) continue;
    return { accepted: true, timeStep, id: signature.toString('latin1'), key };
  }
  return isOtp ? { accepted: false, reason: 'wrong-signature' } : refuseOtp(keys[0], token, jid);
}

/** Its OTP is of no key; whether it is rightly signed is told of the first key alone. */
function refuseOtp(key: CredentialKey | undefined, token: Token, jid: string): RefusedCredential {
  const signed =
    key !== undefined && timingSafeEqual(key.tokenSecret.sign(token.digits, jid), token.signature);
  return { accepted: false, reason: signed ? 'wrong-otp' : 'wrong-signature' };
}
