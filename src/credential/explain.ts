import type { CredentialKey } from './key.js';
import { readLoosely } from './near-misses/form.js';
import type { ExpectedJid } from './near-misses/jid-spellings.js';
import type { NearMiss } from './near-misses/near-miss.js';
import { findOtp, type OtpFinding } from './near-misses/otp.js';
import { findSignature, type SignatureFinding } from './near-misses/signature.js';
import { parseToken, type Token } from './token.js';

/** What is known about how a token was made. */
export interface Explanation<Key> {
  /** Why the text is not a token; empty if it is one. */
  readonly form: readonly NearMiss[];
  /** The token, if the text is one or contains one. */
  readonly token: Token | undefined;
  readonly signature: SignatureFinding<Key> | undefined;
  readonly otp: OtpFinding<Key> | undefined;
}

/**
 * Explains why a token is refused by trying the common mistakes. Accepts nothing. Only those who hold the secrets may see the
 * result: it would tell others how close a guess is.
 *
 * @param keys the keys that the token may be made with
 * @param expected what the token should be signed for
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
  // Only some keys are searched for the OTP, so start with the likeliest.
  const searched =
    signature === undefined ? keys : [signature.key, ...keys.filter((key) => key !== signature.key)];
  return { form: mistakes, token, signature, otp: findOtp(searched, token.digits, now) };
}
