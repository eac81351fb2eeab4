import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatToken, otpOf, parseToken } from '../../src/credential/token.js';

const digits = '0123456789012345678901234567890123456789';
const valid = `${digits} ${Buffer.alloc(32, 7).toString('base64')}`;

describe('parseToken', () => {
  it('returns the parts of a token', () => {
    const token = parseToken(valid);
    expect(token).toEqual({ digits, signature: Buffer.alloc(32, 7) });
    expect(token && otpOf(token)).toBe('01234567');
  });

  it('is the inverse of formatToken', () => {
    const token = fc.record({
      digits: fc.stringMatching(/^[0-9]{40}$/),
      signature: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(token, (parts) => {
        expect(parseToken(formatToken(parts))).toEqual(parts);
      }),
    );
  });

  it.each([
    ['an empty text', ''],
    ['text in front', `x${valid}`],
    ['a newline at the end', `${valid}\n`],
    ['a space at the end', `${valid} `],
    ['a missing digit', valid.slice(1)],
    ['a letter among the digits', `a${valid.slice(1)}`],
    ['digits that are not ASCII', `٠${valid.slice(1)}`],
    ['a tab instead of the space', valid.replace(' ', '\t')],
    ['no padding', valid.slice(0, -1)],
    ['base64url', valid.replace(/ .{2}/, ' -_')],
    // 'c' and 'd' decode to the same byte; only one is canonical.
    ['a signature that is not canonical', `${valid.slice(0, 83)}d=`],
  ])('refuses %s', (_, text) => {
    expect(parseToken(text)).toBeUndefined();
  });

  it('accepts exactly one spelling of each signature', () => {
    const last = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
    const accepted = last.filter(
      (character) => parseToken(`${valid.slice(0, 83)}${character}=`) !== undefined,
    );
    expect(accepted.join('')).toBe('AEIMQUYcgkosw048');
  });
});
