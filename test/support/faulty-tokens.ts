import { createHash, createHmac } from 'node:crypto';
import { OTP_SEED, TOKEN_SECRET } from './keys.js';

/** The deviations of a token; all other parts are right. */
export interface Recipe {
  /** In bytes. */
  readonly seed?: Buffer;
  readonly algorithm?: string;
  /** In seconds. */
  readonly period?: number;
  readonly otpDigits?: number;
  readonly nonceDigits?: number;
  /** Returns the text or bytes to sign. */
  readonly message?: (otp: string, nonce: string) => string | Buffer;
  readonly sign?: (message: string | Buffer) => Buffer;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Mints a token by a recipe that an application could have, without code of xtokend. @param now in milliseconds */
export function makeToken(jid: string, now: number, recipe: Recipe = {}): string {
  const { otpDigits = 8, nonceDigits = 32, seed = decodeBase32(OTP_SEED), period = 30 } = recipe;
  const counter = Math.floor(now / 1000 / period);
  const otp = hotp(seed, counter, recipe.algorithm ?? 'sha1')
    .toString()
    .slice(-otpDigits)
    .padStart(otpDigits, '0');
  const nonce = createHash('sha512')
    .update(`${jid}${now}`)
    .digest('hex')
    .replace(/\D/g, '')
    .repeat(2)
    .slice(0, nonceDigits);
  const message = recipe.message?.(otp, nonce) ?? otp + nonce + jid;
  const signature = (recipe.sign ?? signWith(TOKEN_SECRET))(message);
  return `${otp}${nonce} ${signature.toString('base64')}`;
}

/** Returns a function that computes an HMAC with a secret. */
export function signWith(
  secret: string | Buffer,
  algorithm = 'sha256',
): (message: string | Buffer) => Buffer {
  return (message) => createHmac(algorithm, secret).update(message).digest();
}

/** Decodes base32 (RFC 4648, section 6). */
export function decodeBase32(text: string): Buffer {
  const bits = Array.from(text, (letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/** Computes an HOTP value (RFC 4226, section 5.3) before truncation to some digits. */
function hotp(seed: Buffer, counter: number, algorithm: string): number {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(counter));
  const hash = createHmac(algorithm, seed).update(bytes).digest();
  return hash.readUInt32BE((hash.at(-1) ?? 0) & 15) & 0x7fffffff;
}
