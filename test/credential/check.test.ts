import { describe, expect, it, vi } from 'vitest';
import { checkCredential } from '../../src/credential/check.js';
import { createKey, type NamedKey, generateSecret } from '../../src/credential/key.js';
import { mintWithKey } from '../../src/credential/mint.js';
import { named, NOW } from '../support/keys.js';

const jid = 'alice@example.com';
const keys: NamedKey[] = Array.from({ length: 8 }, (_, index) =>
  named(`key-${index}`, createKey({ otpSeed: generateSecret(), tokenSecret: generateSecret() })),
);
const [first] = keys;

describe('checkCredential with several keys', () => {
  it('finds the key that a token was made with', () => {
    for (const key of keys) {
      const check = checkCredential(keys, mintWithKey(key, jid, NOW), jid, NOW);
      expect(check).toMatchObject({ accepted: true, key: { id: key.id } });
    }
  });

  it.each<[string, string, string | undefined]>([
    ['for another JID', mintWithKey(keys[3] ?? keysMissing(), 'bob@example.com', NOW), 'wrong-signature'],
    [
      'of another key',
      mintWithKey(named('x', createKey({ otpSeed: 'A'.repeat(32), tokenSecret: 'B'.repeat(32) })), jid, NOW),
      'wrong-signature',
    ],
    ['that is too old', mintWithKey(first ?? keysMissing(), jid, NOW - 60_000), 'wrong-otp'],
    ['with the OTP of one and the signature of another', mixed(), 'wrong-signature'],
  ])('refuses a token %s', (_, token, reason) => {
    expect(checkCredential(keys, token, jid, NOW)).toEqual({ accepted: false, reason });
  });

  it('computes one HMAC for any token', () => {
    const spies = keys.map(({ tokenSecret }) => vi.spyOn(tokenSecret, 'sign'));
    for (const maker of keys) {
      const tokens = [
        mintWithKey(maker, jid, NOW),
        mintWithKey(maker, 'bob@example.com', NOW),
        mintWithKey(maker, jid, NOW - 60_000),
      ];
      for (const spy of spies) spy.mockClear();
      for (const [index, token] of tokens.entries()) {
        checkCredential(keys, token, jid, NOW);
        expect(spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0)).toBe(index + 1);
      }
    }
    vi.restoreAllMocks();
  });
});

function mixed(): string {
  const [one, another] = keys;
  if (one === undefined || another === undefined) return keysMissing();
  return mintWithKey({ otpSeed: one.otpSeed, tokenSecret: another.tokenSecret }, jid, NOW);
}

function keysMissing(): never {
  throw new Error('expected keys');
}
