/** The parts of an X-TOKEN credential: `otp nonce SP signature`. */
export interface Token {
  /** The 40 decimal digits that are signed: the OTP and then the nonce. */
  readonly digits: string;
  /** HMAC-SHA-256 over the digits and the JID, 32 bytes. */
  readonly signature: Buffer;
}

/** Length of a one-time password in decimal digits (RFC 4226, section 5.3). */
export const OTP_DIGITS = 8;

/** Length of OTP and nonce together. */
export const TOKEN_DIGITS = 40;

// 32 bytes are 43 base64 characters and one '='; the last character carries four bits and two zero bits, so
// only every fourth of the alphabet can stand there (RFC 4648, section 3.5). Anything else would be a second
// spelling of the same signature.
const GRAMMAR = /^[0-9]{40} [A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/**
 * Parses a token strictly: 85 ASCII characters, canonical padded base64 (RFC 4648, section 4).
 *
 * @returns the parts, or `undefined` for anything else
 */
export function parseToken(text: string): Token | undefined {
  if (!GRAMMAR.test(text)) return undefined;
  return {
    digits: text.slice(0, TOKEN_DIGITS),
    signature: Buffer.from(text.slice(TOKEN_DIGITS + 1), 'base64'),
  };
}

/** The reverse of {@link parseToken}. */
export function formatToken(token: Token): string {
  return `${token.digits} ${token.signature.toString('base64')}`;
}

/** @returns the 8 digits of a token's one-time password */
export function otpOf(token: Token): string {
  return token.digits.slice(0, OTP_DIGITS);
}
