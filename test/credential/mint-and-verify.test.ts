import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  generateSecret,
  InvalidJidError,
  InvalidSecretError,
  mintToken,
  verifyToken,
} from '../../src/index.js';
import { NOW, OTHER_SECRET, OTHER_SEED, OTP_SEED, TOKEN_SECRET } from '../support/keys.js';

const secrets = { otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET };
const alice = { ...secrets, jid: 'alice@example.com', now: new Date(NOW) };

describe('a minted token', () => {
  const token = mintToken(alice);

  it('has 85 ASCII characters', () => {
    expect(token).toMatch(/^[\x20-\x7e]{85}$/);
  });

  it('is accepted for its JID in any spelling', () => {
    expect(verifyToken({ ...alice, token })).toMatchObject({ accepted: true, timeStep: NOW / 30_000 });
    expect(verifyToken({ ...alice, jid: 'ALICE@Example.com.', token })).toMatchObject({ accepted: true });
  });

  it.each([
    ['another user', { jid: 'bob@example.com' }, 'wrong-signature'],
    ['another host', { jid: 'alice@example.org' }, 'wrong-signature'],
    ['another token_secret', { tokenSecret: OTHER_SECRET }, 'wrong-signature'],
    ['another otp_seed', { otpSeed: OTHER_SEED }, 'wrong-otp'],
    ['two time steps later', { now: new Date(NOW + 60_000) }, 'wrong-otp'],
    ['two time steps earlier', { now: new Date(NOW - 30_001) }, 'wrong-otp'],
  ])('is refused for %s', (_, change, reason) => {
    expect(verifyToken({ ...alice, token, ...change })).toEqual({ accepted: false, reason });
  });

  it('is refused with any one character changed', () => {
    const position = fc.integer({ min: 0, max: 84 });
    const character = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 });
    fc.assert(
      fc.property(position, character, (at, other) => {
        fc.pre(token[at] !== other);
        const changed = token.slice(0, at) + other + token.slice(at + 1);
        expect(verifyToken({ ...alice, token: changed }).accepted).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('is different each time', () => {
    expect(new Set(Array.from({ length: 100 }, () => mintToken(alice)))).toHaveProperty('size', 100);
  });
});

describe('verifyToken', () => {
  it('refuses any text that is not a token, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (token) => {
        expect(verifyToken({ ...alice, token })).toEqual({ accepted: false, reason: 'malformed-token' });
      }),
    );
  });
});

describe('mintToken', () => {
  it('throws for an invalid JID, secret or time', () => {
    expect(() => mintToken({ ...alice, jid: 'alice' })).toThrow(InvalidJidError);
    expect(() => mintToken({ ...alice, otpSeed: 'A' })).toThrow(InvalidSecretError);
    expect(() => mintToken({ ...alice, tokenSecret: 'short' })).toThrow(InvalidSecretError);
    expect(() => mintToken({ ...alice, now: new Date('never') })).toThrow(RangeError);
    expect(() => mintToken({ ...alice, now: new Date(-1) })).toThrow(RangeError);
    expect(() => mintToken({ ...alice, now: NOW as unknown as Date })).toThrow(RangeError);
  });

  it.each(['jid', 'otpSeed', 'tokenSecret'])('names %s if it is not a string or too short', (name) => {
    const call = (value: unknown) => () => mintToken({ ...alice, [name]: value });
    expect(call(undefined)).toThrow(new TypeError(`${name}: expected a string, found undefined`));
    expect(call(null)).toThrow(new TypeError(`${name}: expected a string, found null`));
    expect(call(['secret text'])).toThrow(new TypeError(`${name}: expected a string, found object`));
    if (name !== 'jid') expect(call('')).toThrow(`${name}: expected at least 16`);
  });
});

describe('generateSecret', () => {
  it('generates 32 base32 characters that can be used for both secrets', () => {
    const otpSeed = generateSecret();
    const tokenSecret = generateSecret();
    expect(otpSeed).toMatch(/^[A-Z2-7]{32}$/);
    expect(otpSeed).not.toBe(tokenSecret);
    const jid = 'alice@example.com';
    const token = mintToken({ jid, otpSeed, tokenSecret });
    expect(verifyToken({ token, jid, otpSeed, tokenSecret }).accepted).toBe(true);
  });
});
