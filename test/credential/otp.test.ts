import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OtpSeed, timeStepAt } from '../../src/credential/otp.js';
import { InvalidSecretError } from '../../src/errors.js';
import { NOW, OTP_SEED } from '../support/keys.js';

// RFC 6238, appendix B: the ASCII secret "12345678901234567890".
const RFC_SEED = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

describe('OtpSeed', () => {
  it.each([
    [59, '94287082'],
    [1111111109, '07081804'],
    [1111111111, '14050471'],
    [1234567890, '89005924'],
    [2000000000, '69279037'],
    [20000000000, '65353130'],
  ])('generates the OTP of RFC 6238 at %i s', (seconds, otp) => {
    expect(new OtpSeed(RFC_SEED).generate(timeStepAt(seconds * 1000))).toBe(otp);
  });

  it.each([
    [-2, undefined],
    [-1, -1],
    [0, 0],
    [1, 1],
    [2, undefined],
  ])('finds the time step of an OTP that is %i time steps off: %s', (distance, found) => {
    const seed = new OtpSeed(OTP_SEED);
    const current = timeStepAt(NOW);
    const otp = seed.generate(current + distance);
    expect(seed.findTimeStep(otp, NOW)).toBe(found === undefined ? undefined : current + found);
  });

  it('accepts an OTP from the first millisecond of the previous time step to the last of the next one', () => {
    const seed = new OtpSeed(OTP_SEED);
    const otp = seed.generate(timeStepAt(NOW));
    const found = [-30_001, -30_000, 0, 59_999, 60_000].map((offset) => seed.findTimeStep(otp, NOW + offset));
    const timeStep = timeStepAt(NOW);
    expect(found).toEqual([undefined, timeStep, timeStep, timeStep, undefined]);
  });

  it('returns the same result, whatever was looked up before', () => {
    const seed = new OtpSeed(OTP_SEED);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: -3, max: 3 }), (timeStep, distance) => {
        const otp = new OtpSeed(OTP_SEED).generate(Math.max(0, timeStep + distance));
        const expected = new OtpSeed(OTP_SEED).findTimeStep(otp, timeStep * 30_000);
        expect(seed.findTimeStep(otp, timeStep * 30_000)).toBe(expected);
      }),
    );
  });

  it('accepts no OTP of a time before 1970', () => {
    const seed = new OtpSeed(OTP_SEED);
    expect(seed.findTimeStep(seed.generate(0), 0)).toBe(0);
    expect(seed.findTimeStep(seed.generate(-1), 0)).toBeUndefined();
  });

  it.each(['', '1234567', '123456789', 'abcdefgh', '１２３４５６７８'])(
    'finds no time step for %j',
    (text) => {
      expect(new OtpSeed(OTP_SEED).findTimeStep(text, NOW)).toBeUndefined();
    },
  );

  it.each([
    ['an empty text', '', 'found 0'],
    ['15 characters', 'ABCDEFGHIJKLMNO', 'found 15'],
    ['padding alone', '================', 'found 0'],
    ['a length that base32 never has', 'ABCDEFGHIJKLMNOPQ', 'never has 17 characters'],
    ['small letters', 'abcdefghijklmnop', 'capital letters'],
    ['digits outside base32', 'ABCDEFGHIJKLMN01', 'the digits 2–7'],
    ['a dash', 'ABCD-EFGH-IJKL-MNOP', 'only'],
    ['a space', 'ABCD EFGH IJKL MNOP', 'only'],
    ['padding inside', 'ABCDEFG=HIJKLMNOPQ', 'only'],
  ])('refuses %s as a seed, and does not repeat it', (_, text, message) => {
    const create = (): OtpSeed => new OtpSeed(text);
    expect(create).toThrow(InvalidSecretError);
    expect(create).toThrow(message);
    if (text !== '') expect(create).not.toThrow(text);
  });

  it('accepts padding at the end', () => {
    expect(new OtpSeed('ABCDEFGHIJKLMNOPQR======').generate(1)).toBe(
      new OtpSeed('ABCDEFGHIJKLMNOPQR').generate(1),
    );
  });
});
