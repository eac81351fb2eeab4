import { MIN_SEED_CHARACTERS } from '../../credential/otp.js';

/** What is good enough to run with, but not as it should be. */
export interface Advice {
  readonly code: 'seed-short' | 'seed-hex' | 'secret-encoded' | 'secret-quoted' | 'secrets-equal';
  /** The setting, such as `hosts."example.com".otp_seed`. */
  readonly where: string;
  /** What is there; never a secret. */
  readonly message: string;
  /** What to do. */
  readonly fix: string;
}

type Opinion = Omit<Advice, 'where'>;

const RECOMMENDED_SEED_CHARACTERS = 32;

/** @param seed an `otp_seed` that can be used */
export function adviseOnSeed(seed: string): Opinion | undefined {
  const characters = seed.replace(/=+$/, '');
  // By chance in one of some 500 seeds of 16 characters, of 32 in none.
  if (/^[A-F2-7]+$/.test(characters) && characters.length > MIN_SEED_CHARACTERS) {
    return {
      code: 'seed-hex',
      message: 'looks like hex, but is read as base32: the signing side may read it otherwise',
      fix: 'write it in base32 on both sides, or take what `xtokend keygen` prints',
    };
  }
  if (characters.length >= RECOMMENDED_SEED_CHARACTERS) return undefined;
  return {
    code: 'seed-short',
    message: 'under 32 characters (160 bits, RFC 4226)',
    fix: 'take a longer one on both sides: `xtokend keygen` makes them',
  };
}

/** @param secret a `token_secret` that can be used: its characters are the key, whatever they look like */
export function adviseOnSecret(secret: string): Opinion | undefined {
  if (/^["'\s]|["'\s]$/.test(secret)) {
    return {
      code: 'secret-quoted',
      message: 'has quotes or spaces around it, and they count as part of the secret',
      fix: 'take them out, unless the signing side has them as well',
    };
  }
  const encoding = encodings.find(({ pattern }) => pattern.test(secret))?.name;
  if (encoding === undefined) return undefined;
  return {
    code: 'secret-encoded',
    message: `looks like ${encoding}, but is not decoded: its characters are the key as they stand`,
    fix: 'see that the signing side does not decode it either; then this is all right',
  };
}

const encodings = [
  {
    name: 'a text with the name of its encoding before it',
    pattern: /^(base32|base64|base64url|hex|0x)(?=[:,]|[0-9a-f]+$)/i,
  },
  { name: 'hex', pattern: /^(?:[0-9a-f]{2})+$|^(?:[0-9A-F]{2})+$/ },
  { name: 'base64', pattern: /^(?=.*[+/=])(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/ },
] as const;

/** What is said where one secret is used for both. */
export const equalSecrets: Opinion = {
  code: 'secrets-equal',
  message: 'is an otp_seed as well: whoever learns one of them has both',
  fix: 'take two different ones: `xtokend keygen` prints them',
};
