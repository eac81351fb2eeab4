import { describe, expect, it } from 'vitest';
import { readLoosely } from '../../../src/credential/near-misses/form.js';
import { parseToken } from '../../../src/credential/token.js';
import { makeToken, signWith } from '../../support/faulty-tokens.js';
import { NOW, TOKEN_SECRET } from '../../support/keys.js';

const jid = 'alice@example.com';

/** Returns the codes of the mistakes in a text, and expects that their texts repeat no part of it. */
function codesOf(text: string): string[] {
  const { mistakes } = readLoosely(text);
  const parts = text.match(/[0-9A-Za-z+/]{12,}/g) ?? [];
  for (const mistake of mistakes) for (const part of parts) expect(mistake.text).not.toContain(part);
  return mistakes.map(({ code }) => code);
}

describe('readLoosely', () => {
  // With "+" and "/" in its signature.
  const at = Array.from({ length: 200 }, (_, index) => NOW - index).find((now) =>
    /\+.*\//.test(makeToken(jid, now)),
  );
  const token = makeToken(jid, at ?? 0);
  const [digits = '', signature = ''] = token.split(' ');

  it.each<[string[], string]>([
    [['surrounding-space'], `${token}\n`],
    [['surrounding-space'], ` ${token}\r\n`],
    [['surrounding-space'], `\ufeff${token}`],
    [['percent-encoded'], encodeURIComponent(token)],
    [['percent-encoded', 'space-as-plus'], new URLSearchParams({ token }).toString().replace('token=', '')],
    [['html-escaped'], token.replaceAll('+', '&#43;').replaceAll('=', '&#x3D;')],
    [['json-escaped'], token.replaceAll('/', String.raw`\/`)],
    [['bytes-literal'], `b'${token}'`],
    [['bytes-literal'], `b"${token}"`],
    [['quoted'], `"${token}"`],
    [['quoted'], `“${token}”`],
    [['quoted', 'surrounding-space'], `'${token}\n'`],
    [['signature-bytes-literal'], `${digits} b'${signature}'`],
    [['signature-quoted'], `${digits} '${signature}'`],
    [['json'], JSON.stringify({ user: 'alice', token })],
    [['json', 'signature-bytes-literal'], JSON.stringify([{ token: `${digits} b'${signature}'` }])],
    [['text-around'], `Bearer ${token}`],
    [['text-around'], `\0alice\0${token}`],
    [['text-around'], `auth:alice:example.com:${token}`],
    [['encoded-twice'], Buffer.from(token).toString('base64')],
    [['encoded-twice', 'text-around'], Buffer.from(`\0alice\0${token}`).toString('base64')],
    [['otp-separate'], `${digits.slice(0, 8)} ${digits.slice(8)} ${signature}`],
    [['missing-space'], digits + signature],
    [['space-as-plus'], `${digits}+${signature}`],
    [['wrong-separator'], `${digits}:${signature}`],
    [['wrong-separator'], `${digits}  ${signature}`],
    [['wrong-separator'], `${digits}\n${signature}`],
    [['wrong-separator'], `${digits}\u00a0${signature}`],
    [['signature-line-break'], `${digits} ${signature.slice(0, 20)}\n${signature.slice(20)}`],
    [['plus-as-space'], token.replaceAll('+', ' ')],
    [['url-safe'], token.replaceAll('+', '-').replaceAll('/', '_')],
    [['url-safe', 'unpadded'], `${digits} ${Buffer.from(signature, 'base64').toString('base64url')}`],
    [['unpadded'], token.slice(0, -1)],
    [['hex'], `${digits} ${Buffer.from(signature, 'base64').toString('hex')}`],
    [['hex'], `${digits} ${Buffer.from(signature, 'base64').toString('hex').toUpperCase()}`],
    [['missing-space', 'hex'], digits + Buffer.from(signature, 'base64').toString('hex')],
    [
      ['hex-in-base64'],
      `${digits} ${Buffer.from(Buffer.from(signature, 'base64').toString('hex')).toString('base64')}`,
    ],
    [['loose-bits'], token.replace(/.=$/, (end) => `${String.fromCharCode((end.codePointAt(0) ?? 0) + 1)}=`)],
  ])('recovers a token behind %j', (codes, text) => {
    expect(parseToken(text)).toBeUndefined();
    expect(codesOf(text)).toEqual(codes);
    expect(readLoosely(text).token).toEqual(parseToken(token));
  });

  it.each([31, 33, 16, 40])('finds a nonce of %i digits', (nonceDigits) => {
    expect(codesOf(makeToken(jid, NOW, { nonceDigits }))).toEqual(['digit-count']);
  });

  it.each<[string, string]>([
    ['empty', ''],
    ['no-value', 'undefined'],
    ['no-value', '[object Promise]'],
    [
      'json-web-token',
      `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.${Buffer.alloc(32, 7).toString('base64url')}`,
    ],
    ['json', '{"token": null}'],
    ['otp-alone', digits.slice(0, 8)],
    ['otp-alone', digits.slice(0, 6)],
    ['signature-missing', digits],
    ['digits-missing', signature],
    ['signature-hash', makeToken(jid, NOW, { sign: signWith(TOKEN_SECRET, 'sha1') })],
    ['signature-hash', makeToken(jid, NOW, { sign: signWith(TOKEN_SECRET, 'sha512') })],
    ['signature-hash', `${digits} ${signWith(TOKEN_SECRET, 'sha1')(digits).toString('hex')}`],
    ['signature-hash', `${digits} ${signWith(TOKEN_SECRET, 'md5')(digits).toString('hex')}`],
    ['signature-cut', token.slice(0, 70)],
    ['signature-cut', token.slice(0, 64)],
    ['signature-length', `${token}${signature}`],
    ['signature-alphabet', token.replace(/ .{4}/, ' ####')],
    ['nonce-not-decimal', `${digits.slice(0, 8)}8f14e45fceea167a5a36dedd4bea2543 ${signature}`],
    ['unrecognized', 'hunter2hunter2'],
    ['too-long', 'x'.repeat(70_000)],
  ])('recovers no token from a text with %s', (code, text) => {
    expect(codesOf(text)).toEqual([code]);
    expect(readLoosely(text).token).toBeUndefined();
  });
});
