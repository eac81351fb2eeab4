import { describe, expect, it } from 'vitest';
import { explainToken } from '../../src/credential/explain.js';
import { createKey } from '../../src/credential/key.js';
import { mintWithKey } from '../../src/credential/mint-with-key.js';
import { stepAt } from '../../src/credential/otp.js';
import { key, NOW, OTHER_SECRET, OTP_SEED } from '../support/keys.js';

const jid = 'alice@example.com';
const explain = (token: string): unknown => explainToken(key, token, jid, NOW);

describe('explainToken', () => {
  it.each([0, -1, 1, -5, 7, -2880, 2880])('finds the step of a token that is %i steps off', (distance) => {
    const token = mintWithKey(key, jid, NOW + distance * 30_000);
    expect(explain(token)).toEqual({ signed: true, step: stepAt(NOW) + distance });
  });

  it('finds no step beyond a day', () => {
    expect(explain(mintWithKey(key, jid, NOW - 2881 * 30_000))).toEqual({ signed: true, step: undefined });
  });

  it('tells another signer from another time', () => {
    const other = createKey({ otpSeed: OTP_SEED, tokenSecret: OTHER_SECRET });
    expect(explain(mintWithKey(other, jid, NOW))).toEqual({ signed: false, step: stepAt(NOW) });
  });

  it('says nothing of what is not a token', () => {
    expect(explain('secret')).toBeUndefined();
  });
});
