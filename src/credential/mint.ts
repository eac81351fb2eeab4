import { randomInt } from 'node:crypto';
import { normalizeJid } from './jid/jid.js';
import { createKey, type CredentialKey, type KeyText } from './key.js';
import { millisecondsOf, timeStepAt } from './otp.js';
import { formatToken, NONCE_DIGITS } from './token.js';

/** The options of {@link mintToken}. */
export interface MintOptions extends KeyText {
  /**
   * The user's bare JID, such as `alice@example.com`, in any spelling: `Alice` and `ａlice` are `alice` to chat servers. If your
   * application allows such names for different users, compare the results of `normalizeJid` before you create an account.
   */
  readonly jid: string;
  /** The time to mint for; now by default. */
  readonly now?: Date;
}

/**
 * Mints a one-time login token for a user. It is valid for one login, from one time step (30 s) before the one of `now` until one
 * time step after it.
 *
 * @returns the token, 85 ASCII characters, which the client sends as its password
 * @throws {@link InvalidJidError} if no server would send the JID, or servers could take it for different users
 * @throws {@link InvalidSecretError} if a secret cannot be used
 * @throws {RangeError} if `now` is invalid
 * @throws {TypeError} if the JID or a secret is not a string
 *
 * @example
 * ```ts
 * const token = mintToken({ jid: 'alice@example.com', otpSeed, tokenSecret });
 * ```
 */
export function mintToken({ jid, otpSeed, tokenSecret, now = new Date() }: MintOptions): string {
  return mintWithKey(createKey({ otpSeed, tokenSecret }), normalizeJid(jid), millisecondsOf(now));
}

/**
 * Mints a token with a decoded key.
 *
 * @param jid a bare JID, already normalized
 * @param now milliseconds since the Unix epoch, not negative
 */
export function mintWithKey(key: CredentialKey, jid: string, now: number): string {
  const nonce = Array.from({ length: NONCE_DIGITS }, () => randomInt(10)).join('');
  const digits = key.otpSeed.generate(timeStepAt(now)) + nonce;
  return formatToken({ digits, signature: key.tokenSecret.sign(digits, jid) });
}
