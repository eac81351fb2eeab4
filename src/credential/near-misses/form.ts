import { NONCE_DIGITS, OTP_DIGITS, SIGNATURE_PATTERN, TOKEN_DIGITS, type Token } from '../token.js';
import type { NearMiss } from './near-miss.js';
import { repairs } from './repairs.js';

/** The result of reading a text that is not a token. */
export interface LooseReading {
  /** Why the text is not a token, at least one; there can be several reasons at once. */
  readonly mistakes: readonly NearMiss[];
  /** The token inside the text, if it can be recovered. It can have another number of digits. */
  readonly token: Token | undefined;
}

/** Far longer than a token with some text around it. */
const MAX_CHARACTERS = 2048;
/** More than any damaged token needs. */
const MAX_REPAIRS = 10;
const LOOSE_TOKEN = new RegExp(`^([0-9]{7,80}) (${SIGNATURE_PATTERN})$`);
const DIGITS = `[0-9]{${TOKEN_DIGITS}}`;

/**
 * Finds out why {@link parseToken} refuses a text. Accepts nothing.
 *
 * @param text not a token
 */
export function readLoosely(text: string): LooseReading {
  if (text.length > MAX_CHARACTERS) {
    const tooLong = { code: 'too-long', text: `more than ${MAX_CHARACTERS} characters` };
    return { mistakes: [tooLong], token: undefined };
  }
  const mistakes: NearMiss[] = [];
  let rest = text;
  while (mistakes.length < MAX_REPAIRS) {
    const [, digits, signature] = LOOSE_TOKEN.exec(rest) ?? [];
    if (digits !== undefined && signature !== undefined) {
      const token = { digits, signature: Buffer.from(signature, 'base64') };
      return { mistakes: [...mistakes, ...countDigits(digits.length)], token };
    }
    const repaired = repair(rest);
    if (repaired === undefined) break;
    mistakes.push(repaired.mistake);
    rest = repaired.text;
  }
  return { mistakes: [...mistakes, describeShape(rest)], token: undefined };
}

function repair(text: string): { mistake: NearMiss; text: string } | undefined {
  for (const [code, [found, undo]] of Object.entries(repairs)) {
    const repaired = undo(text);
    if (repaired !== undefined && repaired !== text)
      return { mistake: { code, text: found }, text: repaired };
  }
  return undefined;
}

function countDigits(count: number): NearMiss[] {
  if (count === TOKEN_DIGITS) return [];
  const hint = count === TOKEN_DIGITS - 1 ? '; numbers lose a leading zero, so build them as text' : '';
  const text = `${count} digits: expected ${TOKEN_DIGITS}, ${OTP_DIGITS} of the OTP and ${NONCE_DIGITS} of the nonce${hint}`;
  return [{ code: 'digit-count', text }];
}

type Shape = readonly [code: string, pattern: RegExp, found: string | ((length: number) => string)];

/** Texts that cannot be made into a token, in the order in which they are tried. */
const shapes: readonly Shape[] = [
  ['empty', /^$/, 'an empty text'],
  [
    'no-value',
    /^(?:undefined|null|none|nil|nan|true|false|\[object \w+\])$/i,
    'the word that a program prints for a missing value: the application made no token',
  ],
  ['json-web-token', /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/, 'a JSON Web Token, which is another kind of token'],
  ['json', /^[[{].*[\]}]$/s, 'JSON without a token in it'],
  ['otp-alone', /^[0-9]{6,8}$/, 'a one-time password alone: the nonce and the signature are missing'],
  [
    'signature-missing',
    /^[0-9]{9,}$/,
    (length) => `${length} digits and no signature: it was cut at the space, or is incomplete`,
  ],
  [
    'digits-missing',
    /^[A-Za-z0-9+/]{43}=$/,
    'a signature and no digits: it was cut at the space, or is incomplete',
  ],
  ...Object.entries({ MD5: 16, 'SHA-1': 20, 'SHA-384': 48, 'SHA-512': 64 }).map(([hash, bytes]): Shape => [
    'signature-hash',
    signatureOf(bytes),
    `a signature of ${bytes} bytes, the length of HMAC-${hash}: use HMAC-SHA-256`,
  ]),
  [
    'signature-cut',
    new RegExp(`^${DIGITS} [A-Za-z0-9+/]{0,42}$`),
    (length) => `a signature of ${length - TOKEN_DIGITS - 1} characters: it was cut off`,
  ],
  [
    'signature-alphabet',
    new RegExp(`^${DIGITS} .{43,44}$`, 's'),
    'characters in the signature that base64 does not have',
  ],
  [
    'signature-length',
    new RegExp(`^${DIGITS} `),
    (length) => `a signature of ${length - TOKEN_DIGITS - 1} characters: expected 44`,
  ],
  [
    'nonce-not-decimal',
    /^[0-9]{6,8}(?=[0-9]*[A-Za-z.-])[0-9A-Za-z.+-]{8,} [A-Za-z0-9+/]{43}=$/,
    'a nonce with other characters than digits: generate 32 decimal digits',
  ],
];

const unrecognized: Shape = [
  'unrecognized',
  /^/,
  (length) => `${length} characters that do not look like a token`,
];

function describeShape(text: string): NearMiss {
  const [code, , found] = shapes.find(([, pattern]) => pattern.test(text)) ?? unrecognized;
  return { code, text: typeof found === 'string' ? found : found(text.length) };
}

/** Matches digits and a signature of so many bytes, in hex or base64. */
function signatureOf(bytes: number): RegExp {
  const characters = Math.ceil((bytes * 4) / 3);
  const padding = '='.repeat((3 - (bytes % 3)) % 3);
  return new RegExp(
    `^[0-9]{30,} (?:[0-9a-fA-F]{${bytes * 2}}|[A-Za-z0-9+/_-]{${characters}}(?:${padding})?)$`,
  );
}
