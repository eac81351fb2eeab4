import { OtpSeed } from '../../credential/otp.js';
import { InvalidSecretError } from '../../errors.js';

/** What people and programs put into base32 so that it's easier to read, or lose. */
const spellings = [
  { pattern: /[a-z]/, without: 'in capital letters' },
  { pattern: /\s/, without: 'without spaces and newlines' },
  { pattern: /[-_.:]/, without: 'without signs between the letters' },
  { pattern: /["'`“”‘’]/, without: 'without quotes' },
  { pattern: /=\s*[^=\s]/, without: 'without "=" between the letters' },
] as const;

const freshSeed = '`xtokend keygen` makes a good one';

/**
 * Says what a text is that can't be used as `otp_seed`, and what to do. A key that is only spelled in another way is kept: a new
 * one would have to be given to everybody who signs.
 *
 * @param refusal why it can't be used
 */
export function explainSeed(text: string, refusal: string): string {
  if (/^otpauth:/i.test(text)) {
    return `${refusal}; this is an otpauth: URI: write the value of its parameter secret`;
  }
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) {
    return `${refusal} (it looks like hex): then the same key is what \`xxd -r -p | base32\` makes of it`;
  }
  const letters = text.replace(/[\s\-_.:"'`“”‘’=]/g, '').toUpperCase();
  const changes = spellings.filter(({ pattern }) => pattern.test(text)).map(({ without }) => without);
  const fault = faultOf(letters);
  if (fault === undefined) return `${refusal}; the same key is this one ${changes.join(', ')}`;
  if (/[018]/.test(letters) && faultOf(letters.replace(/[018]/g, 'A')) === undefined) {
    return `${refusal}; if somebody has typed it off, 0 stands for O, 1 for I or L, and 8 for B${changes.map((change) => `, ${change}`).join('')}`;
  }
  return `${/[^A-Z2-7]/.test(letters) ? refusal : fault}; ${freshSeed}`;
}

/** @returns why a text can't be used as a seed, or `undefined` if it can */
function faultOf(seed: string): string | undefined {
  try {
    new OtpSeed(seed);
    return undefined;
  } catch (error) {
    if (!(error instanceof InvalidSecretError)) throw error;
    return error.message;
  }
}
