import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { Secret } from 'otpauth';
import { assertString, InvalidSecretError, messageOf } from '../errors.js';
import { OtpSeed } from './otp.js';

/** The two secrets that an application and the daemon share, as text. */
export interface KeyText {
  /** At least 16 characters of base32 (A–Z, 2–7). */
  readonly otpSeed: string;
  /** At least 16 characters; used as UTF-8 bytes, not decoded. */
  readonly tokenSecret: string;
}

/** The two secrets, decoded once. */
export interface CredentialKey {
  readonly otpSeed: OtpSeed;
  readonly tokenSecret: TokenSecret;
}

/** One of several keys, with the time in which it is active. Both instants are milliseconds since the Unix epoch. */
export interface NamedKey extends CredentialKey {
  /** The name of the key in the log and the metrics. */
  readonly id: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

const GENERATED_BYTES = 20;
const MIN_SECRET_CHARACTERS = 16;

/**
 * Decodes a key.
 *
 * @throws {@link InvalidSecretError} if one of the secrets cannot be used
 * @throws {TypeError} if one of them is not a string
 */
export function createKey({ otpSeed, tokenSecret }: KeyText): CredentialKey {
  return {
    otpSeed: decode('otpSeed', otpSeed, OtpSeed),
    tokenSecret: decode('tokenSecret', tokenSecret, TokenSecret),
  };
}

/** Decodes a secret, and names it in an error. */
function decode<T>(name: keyof KeyText, text: string, Decoded: new (text: string) => T): T {
  assertString(name, text);
  try {
    return new Decoded(text);
  } catch (error) {
    throw new InvalidSecretError(`${name}: ${messageOf(error)}`);
  }
}

/** Returns whether tokens of a key are accepted at an instant: from `notBefore` on, and before `notAfter`. */
export function isActiveAt({ notBefore, notAfter }: NamedKey, now: number): boolean {
  return notBefore <= now && now < notAfter;
}

/**
 * Generates a secret that serves as `otp_seed` or as `token_secret`.
 *
 * @returns 160 random bits (RFC 4226, section 4, R6) as 32 base32 characters
 *
 * @example
 * ```ts
 * const [otpSeed, tokenSecret] = [generateSecret(), generateSecret()];
 * ```
 */
export function generateSecret(): string {
  return new Secret({ size: GENERATED_BYTES }).base32;
}

/** A `token_secret`: signs with HMAC-SHA-256 (RFC 2104), keyed with the UTF-8 bytes of the text. Nothing is decoded. */
export class TokenSecret {
  readonly #key: KeyObject;

  /**
   * @param text at least 16 characters
   * @throws {@link InvalidSecretError} if the text is shorter; the message does not repeat it
   */
  constructor(text: string) {
    if (text.length < MIN_SECRET_CHARACTERS) {
      const expected = `expected at least ${MIN_SECRET_CHARACTERS} characters`;
      throw new InvalidSecretError(`${expected}, found ${text.length}`);
    }
    this.#key = createSecretKey(Buffer.from(text, 'utf8'));
  }

  /** Returns the text of the secret. Explanations use it to try common mistakes. */
  export(): string {
    return this.#key.export().toString('utf8');
  }

  /**
   * Signs the digits for a user.
   *
   * @param digits the 40 digits of OTP and nonce
   * @param jid the bare JID that the token is for
   * @returns 32 bytes
   * @internal The package's types need no types of Node.js.
   */
  sign(digits: string, jid: string): Buffer {
    return createHmac('sha256', this.#key)
      .update(digits + jid, 'utf8')
      .digest();
  }
}
