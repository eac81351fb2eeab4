import { describe, expect, it } from 'vitest';
import { explainToken, type Explanation } from '../../src/credential/explain.js';
import { createKey, type CredentialKey } from '../../src/credential/key.js';
import { mintWithKey } from '../../src/credential/mint.js';
import { timeZoneShift } from '../../src/credential/near-misses/otp.js';
import { timeStepAt } from '../../src/credential/otp.js';
import { key, NOW, OTHER_SECRET, OTHER_SEED, OTP_SEED, TOKEN_SECRET } from '../support/keys.js';

const jid = 'alice@example.com';
const other = createKey({ otpSeed: OTHER_SEED, tokenSecret: OTHER_SECRET });
const explain = (token: string, keys: readonly CredentialKey[] = [key]): Explanation<CredentialKey> =>
  explainToken(keys, token, { jid, typed: jid, otherHosts: [] }, NOW);

describe('explainToken', () => {
  it.each([0, -1, 1, -5, 7, -2880, 2880])(
    'finds the time step of a token that is %i time steps off',
    (distance) => {
      const token = mintWithKey(key, jid, NOW + distance * 30_000);
      expect(explain(token)).toMatchObject({
        form: [],
        signature: { key, mistakes: [] },
        otp: { key, mistakes: [], timeStep: timeStepAt(NOW) + distance },
      });
    },
  );

  it('finds no time step beyond a day', () => {
    const explanation = explain(mintWithKey(key, jid, NOW - 2881 * 30_000));
    expect(explanation).toMatchObject({ signature: { mistakes: [] }, otp: undefined });
  });

  it('finds the OTP of a token with another signature', () => {
    const forger = createKey({ otpSeed: OTP_SEED, tokenSecret: OTHER_SECRET });
    const explanation = explain(mintWithKey(forger, jid, NOW));
    expect(explanation).toMatchObject({ signature: undefined, otp: { timeStep: timeStepAt(NOW) } });
  });

  it('finds the key of the signature and the key of the OTP', () => {
    const mixed = createKey({ otpSeed: OTHER_SEED, tokenSecret: TOKEN_SECRET });
    const { signature, otp } = explain(mintWithKey(mixed, jid, NOW), [key, other]);
    expect(signature?.key).toBe(key);
    expect(otp?.key).toBe(other);
    expect(explain(mintWithKey(other, jid, NOW), [key, other])).toMatchObject({
      signature: { mistakes: [] },
      otp: { timeStep: timeStepAt(NOW) },
    });
  });

  it('finds the key of an old token among many', () => {
    const keys = Array.from({ length: 20 }, (_, index) =>
      createKey({
        otpSeed: `${OTHER_SEED.slice(0, -1)}${'ABCDEFGHIJKLMNOPQRST'.charAt(index)}`,
        tokenSecret: `${OTHER_SECRET}${index}`,
      }),
    );
    const last = keys.at(-1) ?? key;
    expect(explain(mintWithKey(last, jid, NOW - 3_600_000), keys).otp).toMatchObject({
      key: last,
      mistakes: [],
    });
  });
});

describe('timeZoneShift', () => {
  it.each([
    [-120, -60],
    [120, 60],
    [-660, -330],
    [660, 330],
    [690, 345],
    [1680, 840],
    [-1680, -840],
    // A clock that is a little ahead, or somebody who needs a while to copy the token.
    [121, 60],
    [117, 60],
    [-119, -60],
    [-123, -60],
  ])('explains %i time steps by an offset of %i minutes', (timeSteps, minutes) => {
    expect(timeZoneShift(timeSteps)).toBe(minutes);
  });

  it.each([
    // A quarter or half of an hour.
    0, -3, 3, 30, -30, -60, 60, -90, 90,
    // Not near a quarter of an hour.
    122, 110, -118, -130,
    // More than any offset.
    1710, -1710, 2880,
  ])('explains %i time steps by no offset', (timeSteps) => {
    expect(timeZoneShift(timeSteps)).toBeUndefined();
  });
});
