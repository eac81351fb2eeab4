import { Secret } from 'otpauth';

const SECRET_BYTES = 20;

/**
 * Draws a fresh secret: 160 random bits as 32 base32 characters, fit for `otp_seed` and for `token_secret`
 * (RFC 4226, section 4, R6 recommends 160 bits).
 */
export function generateSecret(): string {
  return new Secret({ size: SECRET_BYTES }).base32;
}
