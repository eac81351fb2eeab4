import { timeStepAt } from '../../src/credential/otp.js';
import { formatToken } from '../../src/credential/token.js';
import { key } from '../../test/support/keys.js';

const USER = 'alice';
const HOST = 'example.com';
const NONCE_DIGITS = 32;
/** Makes the nonces of this run differ from those of earlier runs that used the same replay cache. */
const RUN = String(process.hrtime.bigint());
let count = 0;

/** The expected outcome of a request. */
export type Outcome = 'accepted' | 'refused';

/**
 * Mints many fresh tokens, which are valid for at least half a minute. The nonce is a counter, because minting must be fast.
 *
 * @returns a request per line; those to be refused carry another user's token
 */
export function requests(number: number, outcome: Outcome = 'accepted'): string {
  const otp = key.otpSeed.generate(timeStepAt(Date.now()));
  const jid = `${outcome === 'accepted' ? USER : 'mallory'}@${HOST}`;
  return Array.from({ length: number }, () => {
    count += 1;
    const digits = otp + (RUN + String(count).padStart(10, '0')).padStart(NONCE_DIGITS, '0');
    const token = formatToken({ digits, signature: key.tokenSecret.sign(digits, jid) });
    return `auth:${USER}:${HOST}:${token}\n`;
  }).join('');
}

export function splitLines(text: string): string[] {
  return text.split(/(?<=\n)/);
}

/** A request that is accepted and consumes no token. */
export const IS_USER: string = `isuser:${USER}:${HOST}`;
