import type { CredentialKey } from './key.js';
import type { ExpectedJid } from './near-misses/jid-spellings.js';
import type { NearMiss } from './near-misses/near-miss.js';
import { findOtp, type OtpFinding } from './near-misses/otp.js';
import { readLoosely } from './near-misses/read-loosely.js';
import { findSignature, type SignatureFinding } from './near-misses/signature.js';
import { parseToken, type Token } from './token.js';

/** What can be said of a token beyond accepted and refused. */
export interface Explanation<Key> {
  /** What is wrong with its form; empty for a token. */
  readonly form: readonly NearMiss[];
  /** The token, if there is one behind what is wrong with its form. */
  readonly token: Token | undefined;
  /** Whose signature it has, and how that was made; `undefined` if that can't be told. */
  readonly signature: SignatureFinding<Key> | undefined;
  /** Whose OTP it has, and how that was made; `undefined` if that can't be told. */
  readonly otp: OtpFinding<Key> | undefined;
}

/**
 * Looks closer at a token than the daemon does, in order to say what is wrong with it: tries the common mistakes. Accepts
 * nothing. For those who hold the secrets: to others, what it finds would say how near a guess is.
 *
 * @param keys with one of which the token should have been made
 * @param expected what it should have been signed for
 * @param now milliseconds since the Unix epoch
 */
export function explainToken<Key extends CredentialKey>(
  keys: readonly Key[],
  text: string,
  expected: ExpectedJid,
  now: number,
): Explanation<Key> {
  const parsed = parseToken(text);
  const { mistakes, token } = parsed === undefined ? readLoosely(text) : { mistakes: [], token: parsed };
  if (token === undefined) return { form: mistakes, token, signature: undefined, otp: undefined };
  const signature = findSignature(keys, token, expected);
  // The key of the signature is the likeliest, and only some are searched.
  const searched =
    signature === undefined ? keys : [signature.key, ...keys.filter((key) => key !== signature.key)];
  return { form: mistakes, token, signature, otp: findOtp(searched, token.digits, now) };
}
