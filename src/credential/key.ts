import type { KeyText } from './key-text.js';
import { OtpSeed } from './otp.js';
import { TokenSecret } from './token-secret.js';

/** The two secrets, decoded once and ready for use. */
export interface CredentialKey {
  readonly otpSeed: OtpSeed;
  readonly tokenSecret: TokenSecret;
}

/** @throws {@link InvalidSecretError} where one of the two cannot be used */
export function createKey(text: KeyText): CredentialKey {
  return { otpSeed: new OtpSeed(text.otpSeed), tokenSecret: new TokenSecret(text.tokenSecret) };
}
