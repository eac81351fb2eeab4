import { OTP_DIGITS, TOKEN_DIGITS, type Token } from '../token.js';
import type { NearMiss } from './near-miss.js';
import { repairs } from './repairs.js';
import { describeShape } from './shapes.js';

/** A text read with more leniency than any daemon has. */
export interface LooseReading {
  /** What keeps it from being a token, at least one; several can be wrong at once. */
  readonly mistakes: readonly NearMiss[];
  /** What the token was, if that can be told. It may have another number of digits. */
  readonly token: Token | undefined;
}

/** Far longer than a token that is wrapped in something. */
const MAX_CHARACTERS = 2048;
/** Each repair applies once or twice to a text that makes sense. */
const MAX_REPAIRS = 10;
const LOOSE_TOKEN = /^([0-9]{7,80}) ([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/;

/**
 * Finds out what is wrong with a text that {@link parseToken} refuses, in order to say it. Accepts nothing.
 *
 * @param text not a token
 */
export function readLoosely(text: string): LooseReading {
  if (text.length > MAX_CHARACTERS) {
    return {
      mistakes: [{ code: 'too-long', text: `more than ${MAX_CHARACTERS} characters` }],
      token: undefined,
    };
  }
  const mistakes: NearMiss[] = [];
  let rest = text;
  while (mistakes.length < MAX_REPAIRS) {
    const [, digits, signature] = LOOSE_TOKEN.exec(rest) ?? [];
    if (digits !== undefined && signature !== undefined) {
      const token = { digits, signature: Buffer.from(signature, 'base64') };
      return { mistakes: [...mistakes, ...countDigits(digits.length)], token };
    }
    const repaired = repair(rest);
    if (repaired === undefined) break;
    mistakes.push(repaired.mistake);
    rest = repaired.text;
  }
  return { mistakes: [...mistakes, describeShape(rest)], token: undefined };
}

function repair(text: string): { mistake: NearMiss; text: string } | undefined {
  for (const { undo, code, text: words } of repairs) {
    const repaired = undo(text);
    if (repaired !== undefined && repaired !== text)
      return { mistake: { code, text: words }, text: repaired };
  }
  return undefined;
}

function countDigits(count: number): NearMiss[] {
  if (count === TOKEN_DIGITS) return [];
  const nonce = TOKEN_DIGITS - OTP_DIGITS;
  const hint =
    count === TOKEN_DIGITS - 1
      ? '; a leading zero is lost if one of them is made as a number, not as text'
      : '';
  const text = `${count} digits: expected ${TOKEN_DIGITS}, the OTP's ${OTP_DIGITS} and the nonce's ${nonce}${hint}`;
  return [{ code: 'digit-count', text }];
}
