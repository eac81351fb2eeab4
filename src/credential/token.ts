/** The parts of an X-TOKEN credential: `otp nonce SP signature`. */
export interface Token {
  /** The 40 decimal digits that are signed: the OTP, then the nonce. */
  readonly digits: string;
  /** HMAC-SHA-256 over the digits and the JID, 32 bytes. */
  readonly signature: Buffer;
}

/** Length of a one-time password in decimal digits (RFC 4226, section 5.3). */
export const OTP_DIGITS = 8;
export const NONCE_DIGITS = 32;
export const TOKEN_DIGITS: number = OTP_DIGITS + NONCE_DIGITS;

/**
 * Matches the base64 of a signature. 32 bytes are 43 base64 characters and one "=". The last character carries four bits and two
 * zero bits, so only every fourth of the alphabet is canonical (RFC 4648, section 3.5). Any other would be a second spelling of
 * the same signature.
 */
export const SIGNATURE_PATTERN: string = '[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=';

const GRAMMAR = new RegExp(`^[0-9]{${TOKEN_DIGITS}} ${SIGNATURE_PATTERN}$`);

/**
 * Parses a token strictly: 85 ASCII characters, canonical padded base64 (RFC 4648, section 4).
 *
 * @returns the parts, or `undefined` if the text is not a token
 */
export function parseToken(text: string): Token | undefined {
  if (!GRAMMAR.test(text)) return undefined;
  return {
    digits: text.slice(0, TOKEN_DIGITS),
    signature: Buffer.from(text.slice(TOKEN_DIGITS + 1), 'base64'),
  };
}

/** As long as the nonce: a token that lost some characters still matches. */
const DIGITS_OF_TOKEN = new RegExp(`[0-9]{${NONCE_DIGITS}}`);

/** Returns whether a text is a token, or a damaged one: whether it has 32 digits in a row, which passwords don't have. */
export function looksLikeToken(text: string): boolean {
  return DIGITS_OF_TOKEN.test(text);
}

/** Formats a token: the inverse of {@link parseToken}. */
export function formatToken({ digits, signature }: Token): string {
  return `${digits} ${signature.toString('base64')}`;
}

/** Returns the one-time password of a token, 8 digits. */
export function otpOf(token: Token): string {
  return token.digits.slice(0, OTP_DIGITS);
}
