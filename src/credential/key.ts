import type { KeyText } from './key-text.js';
import { OtpSeed } from './otp.js';
import { TokenSecret } from './token-secret.js';

/** The two secrets, decoded once and ready for use. */
export interface CredentialKey {
  readonly otpSeed: OtpSeed;
  readonly tokenSecret: TokenSecret;
}

/** A key that is one of several, and good for some time only. Both instants are milliseconds since the Unix epoch. */
export interface NamedKey extends CredentialKey {
  /** What the log and the metrics call it. */
  readonly id: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** @throws {@link InvalidSecretError} where one of the two cannot be used */
export function createKey(text: KeyText): CredentialKey {
  return { otpSeed: new OtpSeed(text.otpSeed), tokenSecret: new TokenSecret(text.tokenSecret) };
}

/** Whether tokens of a key are accepted at an instant: from `notBefore` on, and before `notAfter`. */
export function isGoodAt({ notBefore, notAfter }: NamedKey, now: number): boolean {
  return notBefore <= now && now < notAfter;
}
