import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkCredential } from '../../src/credential/check.js';
import { createKey } from '../../src/credential/key.js';

/** A token, and whether the reference implementation accepts it. */
interface Vector {
  readonly why: string;
  readonly reference: boolean;
  readonly otp_seed: string;
  readonly token_secret: string;
  readonly username: string;
  readonly host: string;
  readonly now: number;
  readonly token: string;
}

const read = (name: string): Vector[] =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8')) as Vector[];

function isAccepted({ otp_seed, token_secret, username, host, now, token }: Vector): boolean {
  const key = createKey({ otpSeed: otp_seed, tokenSecret: token_secret });
  return checkCredential([key], token, `${username}@${host}`, now * 1000).accepted;
}

describe.each([
  { name: 'xtoken-reference', count: 406 },
  { name: 'xtoken-pyotp', count: 40 },
])('the vectors of $name', ({ name, count }) => {
  const vectors = read(name);

  it(`are ${count} cases`, () => {
    expect(vectors).toHaveLength(count);
  });

  it.each(vectors.map((vector, index) => ({ ...vector, index })))('$index: $why', (vector) => {
    expect(isAccepted(vector)).toBe(vector.reference);
  });
});
