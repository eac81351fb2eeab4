import { Secret } from 'otpauth';

/** A text decoded in a way that it's not meant for. */
interface Decoding {
  readonly name: string;
  readonly bytes: Buffer;
}

/** @returns what a secret is if it's decoded: by each encoding that it may be in */
export function decodings(text: string): Decoding[] {
  return encodings
    .filter(({ pattern }) => pattern.test(text))
    .map(({ name, decode }) => ({ name, bytes: decode(text) }));
}

const encodings = [
  {
    name: 'base32',
    pattern: /^[A-Za-z2-7]+=*$/,
    decode: (text: string) => Buffer.from(Secret.fromBase32(text).bytes),
  },
  { name: 'hex', pattern: /^(?:[0-9A-Fa-f]{2})+$/, decode: (text: string) => Buffer.from(text, 'hex') },
  { name: 'base64', pattern: /^[A-Za-z0-9+/_-]+=*$/, decode: (text: string) => Buffer.from(text, 'base64') },
];
