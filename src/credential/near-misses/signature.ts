import type { CredentialKey } from '../key.js';
import type { Token } from '../token.js';
import { spellingsOf, type ExpectedJid, type JidSpelling } from './jid-spellings.js';
import { layoutsOf, type Layout } from './layouts.js';
import type { NearMiss } from './near-miss.js';
import { readingsOf } from './secret-readings.js';

/** How a signature was made. */
export interface SignatureFinding<Key> {
  readonly key: Key;
  /** Empty if it's right. */
  readonly mistakes: readonly NearMiss[];
}

/** Each takes some milliseconds. */
const MAX_KEYS = 3;

/**
 * Finds out how a signature was made, if with one of some keys: rightly, or with a common mistake.
 *
 * @param keys at least one
 * @returns `undefined` for a signature that is none of them
 */
export function findSignature<Key extends CredentialKey>(
  keys: readonly Key[],
  token: Token,
  expected: ExpectedJid,
): SignatureFinding<Key> | undefined {
  const signer = keys.find((key) => key.tokenSecret.sign(token.digits, expected.jid).equals(token.signature));
  if (signer !== undefined) return { key: signer, mistakes: [] };
  const messages = messagesOf(token.digits, expected);
  for (const key of keys.slice(0, MAX_KEYS)) {
    const mistakes = findMistakes(key, messages, token.signature);
    if (mistakes !== undefined) return { key, mistakes };
  }
  return undefined;
}

function messagesOf(digits: string, expected: ExpectedJid): Layout[] {
  const spelled = ({ spelling, mistake }: JidSpelling): Layout => ({ message: digits + spelling, mistake });
  return [...layoutsOf(digits, expected.jid), ...spellingsOf(expected).map(spelled)];
}

function findMistakes(
  { otpSeed, tokenSecret }: CredentialKey,
  messages: readonly Layout[],
  signature: Buffer,
): NearMiss[] | undefined {
  for (const reading of readingsOf({ otpSeed: otpSeed.export(), tokenSecret: tokenSecret.export() })) {
    const found = messages.find(({ message }) => reading.sign(message).equals(signature));
    if (found !== undefined)
      return [reading.mistake, found.mistake].filter((mistake) => mistake !== undefined);
  }
  return undefined;
}
