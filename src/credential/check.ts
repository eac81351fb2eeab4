import { timingSafeEqual } from 'node:crypto';
import type { CredentialKey } from './key.js';
import { otpOf, parseToken, type Token } from './token.js';

/** Why a credential is refused. */
export type CredentialRefusal =
  /** Not the 85 characters of a token: perhaps an ordinary password. */
  | 'malformed-token'
  /** Signed for another JID, or with another `token_secret`. */
  | 'wrong-signature'
  /** The signature is valid, but the OTP is not that of the previous, current or next time step. */
  | 'wrong-otp';

interface AcceptedCredential {
  readonly accepted: true;
  /** The time step of the OTP (RFC 6238); the first one, if nearby time steps have the same OTP by chance. */
  readonly timeStep: number;
  /** Identifies the token: the bytes of its signature, as a string. */
  readonly id: string;
}

interface RefusedCredential {
  readonly accepted: false;
  readonly reason: CredentialRefusal;
}

/** The result of checking a credential. */
export type CredentialCheck = AcceptedCredential | RefusedCredential;

/** The result of checking a credential against several keys, with the key that it was made with. */
export type KeyedCheck<Key> = (AcceptedCredential & { readonly key: Key }) | RefusedCredential;

/**
 * Checks a credential, but not whether it was used before.
 *
 * @param keys the keys that it may be made with, at least one
 * @param text what the client sent as its password
 * @param jid the bare JID as the server sends it, already normalized
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
  // The OTP selects the key, so that any token costs one HMAC, however many keys there are. A right OTP still takes about 1 µs
  // longer, because its path is rarely taken and so not optimized. Knowing that is of no use without the token_secret.
  for (const key of keys) {
    const timeStep = key.otpSeed.findTimeStep(otp, now);
    if (timeStep === undefined) continue;
    // More than one key has this OTP only by chance, or if somebody knows both seeds.
    isOtp = true;
    const signature = key.tokenSecret.sign(token.digits, jid);
    if (!timingSafeEqual(signature, token.signature)) continue;
    return { accepted: true, timeStep, id: signature.toString('latin1'), key };
  }
  return isOtp ? { accepted: false, reason: 'wrong-signature' } : refuseOtp(keys[0], token, jid);
}

/** Tries the signature with the first key only: one HMAC, as for every token. */
function refuseOtp(key: CredentialKey | undefined, token: Token, jid: string): RefusedCredential {
  const isSigned =
    key !== undefined && timingSafeEqual(key.tokenSecret.sign(token.digits, jid), token.signature);
  return { accepted: false, reason: isSigned ? 'wrong-otp' : 'wrong-signature' };
}
