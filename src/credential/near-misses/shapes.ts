import type { NearMiss } from './near-miss.js';

interface Shape {
  readonly code: string;
  readonly pattern: RegExp;
  /** What was found. */
  readonly text: string | ((text: string) => string);
}

/** Texts that aren't tokens and can't be made into one, in the order in which they are looked for. */
const shapes: readonly Shape[] = [
  { code: 'empty', pattern: /^$/, text: 'nothing' },
  {
    code: 'no-value',
    pattern: /^(?:undefined|null|none|nil|nan|true|false|\[object \w+\])$/i,
    text: 'the word that a program writes for a value that is missing: the application made no token',
  },
  {
    code: 'json-web-token',
    pattern: /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/,
    text: 'a JSON Web Token, which is another kind of token',
  },
  { code: 'json', pattern: /^[[{].*[\]}]$/s, text: 'JSON, with no token in it' },
  {
    code: 'otp-alone',
    pattern: /^[0-9]{6,8}$/,
    text: 'a one-time password alone: nonce and signature are missing',
  },
  {
    code: 'signature-missing',
    pattern: /^[0-9]{9,}$/,
    text: (text) =>
      `${text.length} digits and no signature: it was cut at the space, or only half of it was made`,
  },
  {
    code: 'digits-missing',
    pattern: /^[A-Za-z0-9+/]{43}=$/,
    text: 'a signature and no digits: it was cut at the space, or only half of it was made',
  },
  ...(
    [
      ['MD5', 16],
      ['SHA-1', 20],
      ['SHA-384', 48],
      ['SHA-512', 64],
    ] as const
  ).map(([hash, bytes]) => ({
    code: 'signature-hash',
    pattern: signatureOf(bytes),
    text: `a signature of ${bytes} bytes, the length of HMAC-${hash}: take HMAC-SHA-256, whose 32 bytes are 44 characters of base64`,
  })),
  {
    code: 'signature-cut',
    pattern: /^[0-9]{40} [A-Za-z0-9+/]{0,42}$/,
    text: (text) => `a signature of ${text.length - 41} characters: it was cut off`,
  },
  {
    code: 'signature-alphabet',
    pattern: /^[0-9]{40} .{43,44}$/s,
    text: 'characters in the signature that base64 does not have',
  },
  {
    code: 'signature-length',
    pattern: /^[0-9]{40} /,
    text: (text) => `a signature of ${text.length - 41} characters`,
  },
  {
    code: 'nonce-not-decimal',
    pattern: /^[0-9]{6,8}(?=[0-9]*[A-Za-z.-])[0-9A-Za-z.+-]{8,} [A-Za-z0-9+/]{43}=$/,
    text: 'a nonce with letters or signs: draw 32 decimal digits',
  },
];

/** Says what a text is that isn't a token. @param text neither printed nor repeated */
export function describeShape(text: string): NearMiss {
  const shape = shapes.find(({ pattern }) => pattern.test(text));
  if (shape === undefined) return { code: 'unrecognized', text: `${text.length} characters of another form` };
  return { code: shape.code, text: typeof shape.text === 'string' ? shape.text : shape.text(text) };
}

/** Matches digits and a signature of so many bytes, in hex or base64. */
function signatureOf(bytes: number): RegExp {
  const characters = Math.ceil((bytes * 4) / 3);
  const padding = '='.repeat((3 - (bytes % 3)) % 3);
  return new RegExp(
    `^[0-9]{30,} (?:[0-9a-fA-F]{${bytes * 2}}|[A-Za-z0-9+/_-]{${characters}}(?:${padding})?)$`,
  );
}
