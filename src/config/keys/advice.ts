import { MIN_SEED_CHARACTERS, OtpSeed } from '../../credential/otp.js';
import { InvalidSecretError } from '../../errors.js';

/** A secret that is valid, but could be better. */
export interface Advice {
  readonly code: 'seed-short' | 'seed-hex' | 'secret-encoded' | 'secret-quoted' | 'secrets-equal';
  /** The setting, such as `hosts."example.com".otp_seed`. */
  readonly where: string;
  /** What was found; never a secret. */
  readonly message: string;
  /** What to do. */
  readonly fix: string;
}

type SecretAdvice = Omit<Advice, 'where'>;

/** What to do about a secret that cannot be used. */
export const FRESH = 'Generate one with "xtokend keygen"';

const RECOMMENDED_SEED_CHARACTERS = 32;

/** Returns advice on a valid `otp_seed`. */
export function adviseOnSeed(seed: string): SecretAdvice | undefined {
  const characters = seed.replace(/=+$/, '');
  // By chance true for one in about 500 seeds of 16 characters, and for none of 32.
  if (/^[A-F2-7]+$/.test(characters) && characters.length > MIN_SEED_CHARACTERS) {
    return {
      code: 'seed-hex',
      message: 'looks like hex, but is read as base32: the signing side may read it in another way',
      fix: 'write it in base32 on both sides, or replace it with the output of `xtokend keygen`',
    };
  }
  if (characters.length >= RECOMMENDED_SEED_CHARACTERS) return undefined;
  return {
    code: 'seed-short',
    message: 'under 32 characters (160 bits, RFC 4226)',
    fix: 'use a longer one on both sides: `xtokend keygen` prints one',
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

/** Returns advice on a valid `token_secret`, whose characters are the key. */
export function adviseOnSecret(secret: string): SecretAdvice | undefined {
  if (/^["'\s]|["'\s]$/.test(secret)) {
    return {
      code: 'secret-quoted',
      message: 'has quotes or spaces around it, which are a part of the secret',
      fix: 'remove them, unless the signing side has them as well',
    };
  }
  const encoding = encodings.find(({ pattern }) => pattern.test(secret))?.name;
  if (encoding === undefined) return undefined;
  return {
    code: 'secret-encoded',
    message: `looks like ${encoding}, but is not decoded: its characters are the key as they stand`,
    fix: 'make sure that the application does not decode it either; then ignore this warning',
  };
}

/** Advice on a `token_secret` that is an `otp_seed` as well. */
export const equalSecrets: SecretAdvice = {
  code: 'secrets-equal',
  message: 'is an otp_seed as well: anybody who learns one of them has both',
  fix: 'use two different secrets: `xtokend keygen` prints them',
};

/** What people and programs put into base32, by what the seed is without it. */
const spellings: readonly (readonly [RegExp, string])[] = [
  [/[a-z]/, 'in capital letters'],
  [/\s/, 'without spaces and newlines'],
  [/[-_.:]/, 'without signs between the letters'],
  [/["'`“”‘’]/, 'without quotes'],
  [/=\s*[^=\s]/, 'without "=" between the letters'],
];

/**
 * Explains why a text cannot be used as `otp_seed`, and what to do. A key in another spelling is kept, because a new one would have
 * to be given to everybody who signs.
 *
 * @param refusal why it cannot be used
 */
export function explainSeed(text: string, refusal: string): string {
  if (/^otpauth:/i.test(text)) {
    return `${refusal}. This is an otpauth: URI: use the value of its parameter "secret"`;
  }
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) {
    return `${refusal} (it looks like hex). The same key in base32 is the output of \`xxd -r -p | base32\``;
  }
  const letters = text.replace(/[\s\-_.:"'`“”‘’=]/g, '').toUpperCase();
  const changes = spellings.flatMap(([pattern, change]) => (pattern.test(text) ? [change] : []));
  const fault = faultOf(letters);
  if (fault === undefined) return `${refusal}; the same key is this one ${changes.join(', ')}`;
  if (/[018]/.test(letters) && faultOf(letters.replace(/[018]/g, 'A')) === undefined) {
    const hint = ['If it was typed by hand, 0 may be O, 1 may be I or L, and 8 may be B', ...changes];
    return `${refusal}. ${hint.join(', ')}`;
  }
  return `${/[^A-Z2-7]/.test(letters) ? refusal : fault}. ${FRESH}`;
}

/** Returns why a text cannot be used as a seed, or `undefined` if it can. */
function faultOf(seed: string): string | undefined {
  try {
    new OtpSeed(seed);
    return undefined;
  } catch (error) {
    if (!(error instanceof InvalidSecretError)) throw error;
    return error.message;
  }
}
