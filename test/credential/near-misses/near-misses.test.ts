import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { explainToken } from '../../../src/credential/explain.js';
import { createKey, type CredentialKey } from '../../../src/credential/key.js';
import { decodeBase32, makeToken, signWith, type Recipe } from '../../support/faulty-tokens.js';
import { key, NOW, OTHER_SECRET, OTHER_SEED, OTP_SEED, TOKEN_SECRET } from '../../support/keys.js';

const jid = 'alice@example.com';
const otherHosts = ['other.example'];

interface Question {
  readonly keys?: readonly CredentialKey[];
  readonly jid?: string;
  readonly typed?: string;
}

/** Returns the codes of the mistakes in a token, then the parts that could not be explained. */
function mistakesIn(token: string, question: Question = {}, now = NOW): string[] {
  const expected = { jid: question.jid ?? jid, typed: question.typed ?? question.jid ?? jid, otherHosts };
  const { form, signature, otp } = explainToken(question.keys ?? [key], token, expected, now);
  const mistakes = [...form, ...(signature?.mistakes ?? []), ...(otp?.mistakes ?? [])];
  const digits = token.replace(/\D/g, '').slice(0, 12);
  for (const { text } of mistakes) {
    for (const part of [token.slice(-30), digits, OTP_SEED, TOKEN_SECRET]) {
      if (part !== '') expect(text).not.toContain(part);
    }
  }
  const unknown = [...(signature === undefined ? ['signature'] : []), ...(otp === undefined ? ['otp'] : [])];
  return [...mistakes.map(({ code }) => code), ...(form.length === 0 ? unknown : [])];
}

const signedFor = (text: string): Recipe => ({ message: (otp, nonce) => otp + nonce + text });
const keyedWith = (secret: string | Buffer): Recipe => ({ sign: signWith(secret) });

describe('a token without a known mistake', () => {
  it('has none if it is correct', () => {
    expect(mistakesIn(makeToken(jid, NOW))).toEqual([]);
  });

  it('has an unexplained signature or OTP if it is made for others', () => {
    const other = { seed: decodeBase32(OTHER_SEED), sign: signWith(OTHER_SECRET) };
    expect(mistakesIn(makeToken(jid, NOW, other))).toEqual(['signature', 'otp']);
    expect(mistakesIn(makeToken('bob@example.com', NOW))).toEqual(['signature']);
  });
});

describe('a signature for a near miss of the JID', () => {
  const escaped = String.raw`bob\40corp.example@example.com`;
  it.each<[string, string, Question?]>([
    ['jid-capitals', 'Alice@example.com'],
    ['jid-capitals', 'ALICE@EXAMPLE.COM'],
    ['jid-capitals', 'alice@Example.com'],
    ['jid-capitals', 'aLiCe@example.com', { typed: 'aLiCe@example.com' }],
    ['jid-capitals', 'Alice.Smith@example.com', { jid: 'alice.smith@example.com' }],
    ['jid-full', 'alice@example.com/phone'],
    ['jid-full', 'alice@example.com/'],
    ['jid-full', 'alice@example.com/Kitchen 7', { typed: 'alice@example.com/Kitchen 7' }],
    ['jid-typed', 'Ａlice@example.com', { typed: 'Ａlice@example.com' }],
    ['jid-user-only', 'alice'],
    ['jid-host-only', 'example.com'],
    ['jid-other-host', 'alice@other.example'],
    ['jid-other-host', 'alice@example.com', { jid: 'alice@chat.example.com' }],
    ['jid-other-host', 'alice@xmpp.example.com'],
    ['jid-unescaped', 'bob@corp.example@example.com', { jid: escaped }],
    ['jid-unescaped', 'bob@corp.example', { jid: escaped }],
    ['jid-unescaped', 'bob%40corp.example@example.com', { jid: escaped }],
    ['jid-unescaped', "o'neil@example.com", { jid: String.raw`o\27neil@example.com` }],
    ['jid-idna', 'bob@xn--bcher-kva.example', { jid: 'bob@bücher.example' }],
    ['jid-idna', 'bob@bücher.example', { jid: 'bob@xn--bcher-kva.example' }],
    ['jid-space', 'alice@example.com\n'],
    ['jid-space', 'alice@example.com\r\n'],
    // The same as a space that is signed between the nonce and the JID.
    ['layout-separator', ' alice@example.com'],
    ['jid-space', 'alice@example.com '],
    ['jid-port', 'alice@example.com:5222'],
    ['jid-scheme', 'xmpp:alice@example.com'],
    ['jid-quoted', '"alice@example.com"'],
    ['jid-quoted', "b'alice@example.com'"],
    ['jid-encoded', 'alice%40example.com'],
    ['jid-encoded', 'alice:example.com'],
    ['jid-final-dot', 'alice@example.com.'],
    ['jid-unicode-form', 'élodie@example.com'.normalize('NFD'), { jid: 'élodie@example.com' }],
    ['jid-missing', ''],
  ])('is named %s: %j', (code, signed, question) => {
    expect(mistakesIn(makeToken(question?.jid ?? jid, NOW, signedFor(signed)), question)).toEqual([code]);
  });
});

describe('a signature of another text than otp nonce jid', () => {
  it.each<[string, Recipe['message']]>([
    ['layout-separator', (otp, nonce) => `${otp}${nonce} ${jid}`],
    ['layout-separator', (otp, nonce) => `${otp} ${nonce} ${jid}`],
    ['layout-separator', (otp, nonce) => `${otp} ${nonce}${jid}`],
    ['layout-separator', (otp, nonce) => `${otp}:${nonce}:${jid}`],
    ['layout-separator', (otp, nonce) => `${otp}${nonce}\n${jid}`],
    ['layout-order', (otp, nonce) => jid + otp + nonce],
    ['layout-order', (otp, nonce) => otp + jid + nonce],
    ['layout-order', (otp, nonce) => `${jid}:${otp}${nonce}`],
    ['layout-incomplete', (otp) => otp + jid],
    ['layout-incomplete', (_, nonce) => nonce + jid],
    ['layout-encoding', (otp, nonce) => Buffer.from(otp + nonce + jid, 'utf16le')],
  ])('is named %s', (code, message) => {
    expect(mistakesIn(makeToken(jid, NOW, message === undefined ? {} : { message }))).toEqual([code]);
  });
});

describe('a signature with a near miss of the secret', () => {
  const hex = '00112233445566778899aabbccddeeff';
  it.each<[string, Recipe, string?]>([
    ['secrets-swapped', keyedWith(OTP_SEED)],
    ['secrets-swapped', keyedWith(decodeBase32(OTP_SEED))],
    ['secret-space', keyedWith(`${TOKEN_SECRET}\n`)],
    ['secret-space', keyedWith(`${TOKEN_SECRET}\r\n`)],
    ['secret-space', keyedWith(`"${TOKEN_SECRET}"`)],
    ['secret-space', keyedWith(TOKEN_SECRET), `${TOKEN_SECRET}\n`],
    ['secret-space', keyedWith(TOKEN_SECRET), `'${TOKEN_SECRET}'`],
    ['secret-decoded', keyedWith(decodeBase32(TOKEN_SECRET))],
    ['secret-decoded', keyedWith(Buffer.from(hex, 'hex')), hex],
    [
      'secret-decoded',
      keyedWith(Buffer.from('c29tZSBsb25nIHNlY3JldCE=', 'base64')),
      'c29tZSBsb25nIHNlY3JldCE=',
    ],
    ['secret-case', keyedWith(TOKEN_SECRET.toLowerCase())],
    ['secret-utf16', keyedWith(Buffer.from(TOKEN_SECRET, 'utf16le'))],
    ['secret-missing', keyedWith('')],
    ['secret-missing', keyedWith('undefined')],
    ['hmac-arguments', { sign: (message) => signWith(message)(TOKEN_SECRET) }],
    ['hmac-missing', { sign: (m) => createHash('sha256').update(TOKEN_SECRET).update(m).digest() }],
  ])('is named %s', (code, recipe, tokenSecret = TOKEN_SECRET) => {
    const keys = [createKey({ otpSeed: OTP_SEED, tokenSecret })];
    expect(mistakesIn(makeToken(jid, NOW, recipe), { keys })).toEqual([code]);
  });

  it('is found together with one of the JID', () => {
    const token = makeToken(jid, NOW, {
      ...signedFor('Alice@example.com'),
      ...keyedWith(`${TOKEN_SECRET}\n`),
    });
    expect(mistakesIn(token)).toEqual(['secret-space', 'jid-capitals']);
  });
});

describe('an OTP that is a near miss', () => {
  const hex = '234567234567abcdef234567234567ab';
  it.each<[string[], Recipe, string?]>([
    [['seed-decoding'], { seed: Buffer.from(OTP_SEED) }],
    [['seed-decoding'], { seed: Buffer.from(`${OTP_SEED}\n`) }],
    [['seed-decoding'], { seed: Buffer.from(hex, 'hex') }, hex.toUpperCase()],
    [['secrets-swapped'], { seed: decodeBase32(TOKEN_SECRET) }],
    [['secrets-swapped'], { seed: Buffer.from(TOKEN_SECRET) }],
    [['secrets-swapped', 'secrets-swapped'], { seed: decodeBase32(TOKEN_SECRET), sign: signWith(OTP_SEED) }],
    [['otp-algorithm'], { algorithm: 'sha256' }],
    [['otp-algorithm'], { algorithm: 'sha512' }],
    [['otp-period'], { period: 60 }],
    [['otp-algorithm', 'otp-period'], { period: 60, algorithm: 'sha256' }],
    [['otp-seconds'], { period: 30_000 }],
    [['digit-count', 'otp-six-digits'], { otpDigits: 6 }],
    [['otp-six-digits'], { otpDigits: 6, nonceDigits: 34 }],
  ])('is named %j', (codes, recipe, otpSeed = OTP_SEED) => {
    const keys = [createKey({ otpSeed, tokenSecret: TOKEN_SECRET })];
    const token = makeToken(jid, NOW, recipe);
    expect(mistakesIn(token, { keys })).toEqual(codes);
    // Somebody needs a while before they run verify.
    expect(mistakesIn(token, { keys }, NOW + 180_000)).toEqual(codes);
  });
});
