import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { InvalidSecretError } from '../errors.js';

/** The shortest accepted `token_secret` in characters. */
export const MIN_SECRET_CHARACTERS = 16;

/** One `token_secret`: HMAC-SHA-256 (RFC 2104) keyed with its UTF-8 bytes as they stand; nothing is decoded. */
export class TokenSecret {
  readonly #key: KeyObject;

  /**
   * @param text at least 16 characters
   * @throws {@link InvalidSecretError} for a shorter text; the message does not repeat it
   */
  constructor(text: string) {
    if (text.length < MIN_SECRET_CHARACTERS) {
      throw new InvalidSecretError(
        `expected at least ${MIN_SECRET_CHARACTERS} characters, found ${text.length}`,
      );
    }
    this.#key = createSecretKey(Buffer.from(text, 'utf8'));
  }

  /** @returns the secret as it stands: for explanations, which try what else it can be taken for */
  export(): string {
    return this.#key.export().toString('utf8');
  }

  /**
   * @param digits the 40 digits of OTP and nonce
   * @param jid the bare JID that the token is for
   * @returns the signature, 32 bytes
   */
  sign(digits: string, jid: string): Buffer {
    return createHmac('sha256', this.#key)
      .update(digits + jid, 'utf8')
      .digest();
  }
}
