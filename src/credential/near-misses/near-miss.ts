import { Secret } from 'otpauth';

/** A common mistake that explains why a token is refused. */
export interface NearMiss {
  /** A stable name, for tests and tools. */
  readonly code: string;
  /** What was done, and what to do instead. Never contains a secret or a part of a token. */
  readonly text: string;
}

/** Encodings that a secret can be taken for. */
const encodings: readonly (readonly [string, RegExp, (text: string) => Buffer])[] = [
  ['base32', /^[A-Za-z2-7]+=*$/, (text) => Buffer.from(Secret.fromBase32(text).bytes)],
  ['hex', /^(?:[0-9A-Fa-f]{2})+$/, (text) => Buffer.from(text, 'hex')],
  ['base64', /^[A-Za-z0-9+/_-]+=*$/, (text) => Buffer.from(text, 'base64')],
];

/** Decodes a secret by each encoding that it can be in. */
export function decodings(text: string): { name: string; bytes: Buffer }[] {
  return encodings.flatMap(([name, pattern, decode]) =>
    pattern.test(text) ? [{ name, bytes: decode(text) }] : [],
  );
}
