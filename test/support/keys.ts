import { createKey, type CredentialKey, type NamedKey } from '../../src/credential/key.js';

/** Secrets for tests only. */
export const OTP_SEED = 'IEQH746YNG7BY3A4ROGUBBBAYN3BO47O';
export const TOKEN_SECRET = 'TSUMKR7JCTBV6OZ6ASROJ5HCBJQYOFWY';
export const OTHER_SEED = 'GKZX7B6CTZKKOAMOGKZX7B6CTZKKOAMO';
export const OTHER_SECRET = 'VT54SFOBMCH3NYX3YKH33CPF7L34GYND';

/** A configuration file with both secrets. */
export const SECRETS: string = `otp_seed = "${OTP_SEED}"\ntoken_secret = "${TOKEN_SECRET}"\n`;

export const key: CredentialKey = createKey({ otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });

/** An instant at the start of a time step. */
export const NOW = 1_795_456_800_000;

/** Returns a key with an ID. @param period when it is active; always by default */
export function named(id: string, secrets: CredentialKey, period: Partial<NamedKey> = {}): NamedKey {
  const always = { notBefore: Number.NEGATIVE_INFINITY, notAfter: Number.POSITIVE_INFINITY };
  return { id, ...secrets, ...always, ...period };
}
