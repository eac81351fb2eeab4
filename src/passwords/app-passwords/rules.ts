import { randomBytes } from 'node:crypto';
import { looksLikeToken } from '../../credential/token.js';
import { InvalidAppPasswordError } from './errors.js';

/** Small letters and digits without l and 1, o and 0. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const GENERATED_LETTERS = 20;
const MIN_LENGTH = 12;
const MAX_LENGTH = 128;
/** Unassigned characters are allowed: which they are depends on the release of Node.js. */
const LABEL = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]{1,64}$/u;

/** Generates a password of 100 random bits, such as `k7mq-2xpa-9bnt-cz4w-h3ue`. */
export function generatePassword(): string {
  const letters = Array.from(randomBytes(GENERATED_LETTERS), (byte) => ALPHABET[byte % ALPHABET.length]);
  return letters.join('').replace(/.{4}(?=.)/g, '$&-');
}

/** @throws {@link InvalidAppPasswordError} if a person or a program has chosen a password that can't be used */
export function assertPassword(password: string): void {
  const { length } = password;
  if (!/^[ -~]*$/.test(password)) {
    throw new InvalidAppPasswordError('the password: expected printable ASCII characters, found others');
  }
  if (length < MIN_LENGTH || length > MAX_LENGTH) {
    throw new InvalidAppPasswordError(
      `the password: expected ${MIN_LENGTH} to ${MAX_LENGTH} characters, found ${length}`,
    );
  }
  if (looksLikeToken(password)) {
    throw new InvalidAppPasswordError(
      'the password: expected fewer than 32 digits in a row, because xtokend would take it for a token',
    );
  }
}

/** Returns whether a text can be the label of an app password. */
export function isLabel(label: string): boolean {
  return LABEL.test(label) && label.trim() === label;
}

/** @throws {@link InvalidAppPasswordError} if a text can't be the label of an app password */
export function assertLabel(label: string): void {
  if (isLabel(label)) return;
  throw new InvalidAppPasswordError(
    'the label: expected 1 to 64 printable characters without spaces around them, such as "phone"',
  );
}
