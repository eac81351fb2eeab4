import { createHash, createHmac, createSecretKey } from 'node:crypto';
import type { KeyText } from '../key-text.js';
import type { NearMiss } from './near-miss.js';
import { decodings } from './decodings.js';

/** A way to sign with a secret. */
export interface SecretReading {
  readonly sign: (message: string | Buffer) => Buffer;
  readonly mistake: NearMiss | undefined;
}

type Secret = string | Buffer;

interface Kind extends NearMiss {
  readonly secrets: (key: KeyText) => readonly Secret[];
}

const kinds: readonly Kind[] = [
  {
    code: 'secrets-swapped',
    text: 'signed with otp_seed: the two secrets are swapped, or the signature is made with the wrong one',
    secrets: ({ otpSeed }) => [otpSeed, ...decodings(otpSeed).map(({ bytes }) => bytes)],
  },
  {
    code: 'secret-space',
    text: 'signed with a token_secret that has a space, a newline or quotes more or less than the one here: strip them where the signing side reads it',
    secrets: ({ tokenSecret: secret }) => [
      ...['\n', '\r\n', '\r', ' ', '\0'].map((end) => secret + end),
      ...[` ${secret}`, `"${secret}"`, `'${secret}'`, `b'${secret}'`],
      ...[secret.trim(), secret.replace(/^(["'])(.*)\1$/s, '$2')],
    ],
  },
  {
    code: 'secret-case',
    text: 'signed with token_secret in capital or small letters: use it as it stands',
    secrets: ({ tokenSecret }) => [tokenSecret.toLowerCase(), tokenSecret.toUpperCase()],
  },
  {
    code: 'secret-utf16',
    text: 'signed with token_secret in UTF-16: use its UTF-8 bytes',
    secrets: ({ tokenSecret }) => [Buffer.from(tokenSecret, 'utf16le')],
  },
  {
    code: 'secret-missing',
    text: 'signed with no secret: the variable or file that should hold token_secret is empty or missing there',
    secrets: () => ['', 'undefined', 'null', 'None'],
  },
];

/** @returns how a secret may have been used, beginning with how it should have been: as its UTF-8 bytes */
export function readingsOf(key: KeyText): SecretReading[] {
  const { tokenSecret } = key;
  const known = kinds.flatMap(({ secrets, ...mistake }) =>
    secrets(key)
      .filter((secret) => secret !== tokenSecret)
      .map((secret) => keyed(secret, mistake)),
  );
  return [keyed(tokenSecret, undefined), ...decoded(tokenSecret), ...known, ...unkeyed(tokenSecret)];
}

function decoded(tokenSecret: string): SecretReading[] {
  return decodings(tokenSecret).map(({ name, bytes }) =>
    keyed(bytes, {
      code: 'secret-decoded',
      text: `signed with token_secret decoded from ${name}: use its characters as they stand`,
    }),
  );
}

function keyed(secret: Secret, mistake: NearMiss | undefined): SecretReading {
  const key = createSecretKey(Buffer.from(secret as string));
  return { sign: (message) => createHmac('sha256', key).update(message).digest(), mistake };
}

/** Whoever reads "HMAC" for the first time. */
function unkeyed(secret: string): SecretReading[] {
  const swapped = { code: 'hmac-arguments', text: 'the key and the message of the HMAC are swapped' };
  const plain = {
    code: 'hmac-missing',
    text: 'the signature is a SHA-256 of secret and message: use HMAC-SHA-256',
  };
  return [
    { sign: (message) => createHmac('sha256', message).update(secret).digest(), mistake: swapped },
    { sign: (message) => createHash('sha256').update(secret).update(message).digest(), mistake: plain },
    { sign: (message) => createHash('sha256').update(message).update(secret).digest(), mistake: plain },
  ];
}
