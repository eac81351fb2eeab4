import { createKey, type CredentialKey, type NamedKey } from '../../src/credential/key.js';

/** Secrets that are used in tests only. */
export const OTP_SEED = 'IEQH746YNG7BY3A4ROGUBBBAYN3BO47O';
export const TOKEN_SECRET = 'TSUMKR7JCTBV6OZ6ASROJ5HCBJQYOFWY';
export const OTHER_SEED = 'GKZX7B6CTZKKOAMOGKZX7B6CTZKKOAMO';
export const OTHER_SECRET = 'VT54SFOBMCH3NYX3YKH33CPF7L34GYND';

/** Both secrets as a configuration file. */
export const SECRETS: string = `otp_seed = "${OTP_SEED}"\ntoken_secret = "${TOKEN_SECRET}"\n`;

export const key: CredentialKey = createKey({ otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });

/** An instant at the start of a time step. */
export const NOW = 1_795_456_800_000;

/** @returns a key that is one of several */
export function named(id: string, secrets: CredentialKey, period: Partial<NamedKey> = {}): NamedKey {
  const always = { notBefore: Number.NEGATIVE_INFINITY, notAfter: Number.POSITIVE_INFINITY };
  return { id, ...secrets, ...always, ...period };
}
