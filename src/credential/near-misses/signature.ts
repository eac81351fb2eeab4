import { createHash, createHmac } from 'node:crypto';
import type { CredentialKey, KeyText } from '../key.js';
import { OTP_DIGITS, type Token } from '../token.js';
import { spellingsOf, type ExpectedJid } from './jid-spellings.js';
import { decodings, type NearMiss } from './near-miss.js';

/** How a signature was made. */
export interface SignatureFinding<Key> {
  readonly key: Key;
  /** Empty if it is correct. */
  readonly mistakes: readonly NearMiss[];
}

/** A text that may have been signed. */
interface Message {
  readonly message: string | Buffer;
  readonly mistake: NearMiss | undefined;
}

/** A way to sign with a secret. */
interface Signer {
  readonly sign: (message: string | Buffer) => Buffer;
  readonly mistake: NearMiss | undefined;
}

/** Each key takes some milliseconds. */
const MAX_KEYS = 3;
const SEPARATORS = [' ', ':', '|', ',', ';', '.', '-', '_', '/', '&', '+', '@', '\n', '\t', '\0'];

/**
 * Finds out how a signature was made: correctly, or with a common mistake.
 *
 * @param keys the keys that it may be made with, at least one
 * @returns `undefined` if it matches none of them
 */
export function findSignature<Key extends CredentialKey>(
  keys: readonly Key[],
  token: Token,
  expected: ExpectedJid,
): SignatureFinding<Key> | undefined {
  const { digits, signature } = token;
  const signer = keys.find((key) => key.tokenSecret.sign(digits, expected.jid).equals(signature));
  if (signer !== undefined) return { key: signer, mistakes: [] };
  const messages: Message[] = [
    ...layoutsOf(digits, expected.jid),
    ...spellingsOf(expected).map(({ spelling, mistake }) => ({ message: digits + spelling, mistake })),
  ];
  for (const key of keys.slice(0, MAX_KEYS)) {
    const mistakes = findMistakes(key, messages, signature);
    if (mistakes !== undefined) return { key, mistakes };
  }
  return undefined;
}

function findMistakes(
  { otpSeed, tokenSecret }: CredentialKey,
  messages: readonly Message[],
  signature: Buffer,
): NearMiss[] | undefined {
  const key = { otpSeed: otpSeed.export(), tokenSecret: tokenSecret.export() };
  for (const { sign, mistake } of signersOf(key)) {
    const found = messages.find(({ message }) => sign(message).equals(signature));
    if (found !== undefined) return [mistake, found.mistake].filter((known) => known !== undefined);
  }
  return undefined;
}

/** Returns the texts that may have been signed, the correct one (digits and JID) first. */
function layoutsOf(digits: string, jid: string): Message[] {
  const [otp, nonce] = [digits.slice(0, OTP_DIGITS), digits.slice(OTP_DIGITS)];
  const mistaken = (code: string, text: string, ...messages: (string | Buffer)[]): Message[] =>
    messages.map((message) => ({ message, mistake: { code, text } }));
  return [
    { message: digits + jid, mistake: undefined },
    ...SEPARATORS.flatMap((separator) =>
      mistaken(
        'layout-separator',
        `${JSON.stringify(separator)} is signed between OTP, nonce and JID: sign them without a separator`,
        digits + separator + jid,
        otp + separator + nonce + separator + jid,
        otp + separator + nonce + jid,
      ),
    ),
    ...mistaken(
      'layout-order',
      'OTP, nonce and JID are signed in another order: sign them in this one',
      ...['', ...SEPARATORS].map((separator) => jid + separator + digits),
      ...[otp + jid + nonce, nonce + otp + jid, nonce + jid + otp, jid + nonce + otp],
    ),
    ...mistaken(
      'layout-incomplete',
      'only a part of OTP, nonce and JID is signed: sign all three',
      ...[otp + jid, nonce + jid, otp, nonce],
    ),
    ...mistaken(
      'layout-encoding',
      'the signed text is not in UTF-8: encode it in UTF-8',
      ...(['utf16le', 'latin1'] as const).map((encoding) => Buffer.from(digits + jid, encoding)),
    ),
  ];
}

type Misuse = readonly [code: string, text: string, secrets: (key: KeyText) => readonly (string | Buffer)[]];

const misuses: readonly Misuse[] = [
  [
    'secrets-swapped',
    'signed with otp_seed: the two secrets are swapped, or the signature is made with the wrong one',
    ({ otpSeed }) => [otpSeed, ...decodings(otpSeed).map(({ bytes }) => bytes)],
  ],
  [
    'secret-space',
    'the token_secret of the signer differs from the configured one by a space, a newline or quotes: remove them where it is read',
    ({ tokenSecret: secret }) => [
      ...['\n', '\r\n', '\r', ' ', '\0'].map((end) => secret + end),
      ...[` ${secret}`, `"${secret}"`, `'${secret}'`, `b'${secret}'`],
      ...[secret.trim(), secret.replace(/^(["'])(.*)\1$/s, '$2')],
    ],
  ],
  [
    'secret-case',
    'signed with token_secret in upper or lower case: use it as it is',
    ({ tokenSecret }) => [tokenSecret.toLowerCase(), tokenSecret.toUpperCase()],
  ],
  [
    'secret-utf16',
    'signed with token_secret in UTF-16: use its UTF-8 bytes',
    ({ tokenSecret }) => [Buffer.from(tokenSecret, 'utf16le')],
  ],
  [
    'secret-missing',
    'signed without a secret: the variable or file with token_secret is empty or missing',
    () => ['', 'undefined', 'null', 'None'],
  ],
];

/** Returns the ways in which a secret may have been used, the correct one (as UTF-8 bytes) first. */
function signersOf(key: KeyText): Signer[] {
  const { tokenSecret } = key;
  const decoded = decodings(tokenSecret).map(({ name, bytes }) => {
    const text = `signed with token_secret decoded from ${name}: use its characters as they are`;
    return keyed(bytes, { code: 'secret-decoded', text });
  });
  const misused = misuses.flatMap(([code, text, secrets]) =>
    secrets(key)
      .filter((secret) => secret !== tokenSecret)
      .map((secret) => keyed(secret, { code, text })),
  );
  return [keyed(tokenSecret, undefined), ...decoded, ...misused, ...unkeyed(tokenSecret)];
}

function keyed(secret: string | Buffer, mistake: NearMiss | undefined): Signer {
  return { sign: (message) => createHmac('sha256', secret).update(message).digest(), mistake };
}

function unkeyed(secret: string): Signer[] {
  const swapped = { code: 'hmac-arguments', text: 'the key and the message of the HMAC are swapped' };
  const plain = { code: 'hmac-missing', text: 'the signature is a plain SHA-256: use HMAC-SHA-256' };
  return [
    { sign: (message) => createHmac('sha256', message).update(secret).digest(), mistake: swapped },
    { sign: (message) => createHash('sha256').update(secret).update(message).digest(), mistake: plain },
    { sign: (message) => createHash('sha256').update(message).update(secret).digest(), mistake: plain },
  ];
}
