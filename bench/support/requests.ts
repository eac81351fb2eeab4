import { timeStepAt } from '../../src/credential/otp.js';
import { formatToken } from '../../src/credential/token.js';
import { key } from '../../test/support/keys.js';
import type { CredentialKey } from '../../src/credential/key.js';

/** The user whose logins are measured. */
export const USER = 'alice';
export const HOST = 'example.com';

const NONCE_DIGITS = 32;
/** No two runs draw the same nonces, should they share a replay cache. */
const RUN = String(process.hrtime.bigint());
let count = 0;

/** What a request is to be answered. */
export type Kind = 'valid' | 'refused';

/**
 * Mints fresh tokens, many at a time: they live for half a minute at least. The nonce is a counter, as nobody guesses here.
 *
 * @returns request lines; those to be refused have a good token of somebody else
 */
export function requests(number: number, kind: Kind = 'valid', by: CredentialKey = key): string {
  const otp = by.otpSeed.generate(timeStepAt(Date.now()));
  const jid = `${kind === 'valid' ? USER : 'mallory'}@${HOST}`;
  return Array.from({ length: number }, () => {
    count += 1;
    const digits = otp + (RUN + String(count).padStart(10, '0')).padStart(NONCE_DIGITS, '0');
    const token = formatToken({ digits, signature: by.tokenSecret.sign(digits, jid) });
    return `auth:${USER}:${HOST}:${token}\n`;
  }).join('');
}

/** The user exists where nothing else is said: a request that spends nothing. */
export const IS_USER: string = `isuser:${USER}:${HOST}`;
