import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatToken, otpOf, parseToken } from '../../src/credential/token.js';

const digits = '0123456789012345678901234567890123456789';
const good = `${digits} ${Buffer.alloc(32, 7).toString('base64')}`;

describe('parseToken', () => {
  it('takes a token apart', () => {
    const token = parseToken(good);
    expect(token).toEqual({ digits, signature: Buffer.alloc(32, 7) });
    expect(token && otpOf(token)).toBe('01234567');
  });

  it('is the reverse of formatToken', () => {
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
    ['nothing', ''],
    ['text in front', `x${good}`],
    ['a newline at the end', `${good}\n`],
    ['a space at the end', `${good} `],
    ['a missing digit', good.slice(1)],
    ['a letter among the digits', `a${good.slice(1)}`],
    ['digits that are not ASCII', `٠${good.slice(1)}`],
    ['a tab for the space', good.replace(' ', '\t')],
    ['no padding', good.slice(0, -1)],
    ['base64url', good.replace(/ .{2}/, ' -_')],
    // 'c' and 'd' decode to the same byte; only one is canonical.
    ['stray bits behind the signature', `${good.slice(0, 83)}d=`],
  ])('refuses %s', (_, text) => {
    expect(parseToken(text)).toBeUndefined();
  });

  it('accepts exactly one spelling of each signature', () => {
    const last = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
    const accepted = last.filter(
      (character) => parseToken(`${good.slice(0, 83)}${character}=`) !== undefined,
    );
    expect(accepted.join('')).toBe('AEIMQUYcgkosw048');
  });
});
