import { Secret, TOTP } from 'otpauth';
import type { CredentialKey } from '../key.js';
import { TIME_STEP_MILLISECONDS, timeStepAt } from '../otp.js';
import { OTP_DIGITS } from '../token.js';
import { decodings, type NearMiss } from './near-miss.js';

/** How an OTP was made. */
export interface OtpFinding<Key> {
  readonly key: Key;
  /** Empty if it is correct for some time. */
  readonly mistakes: readonly NearMiss[];
  /** The time step that it belongs to, if it is correct. */
  readonly timeStep: number | undefined;
}

type Variant<T> = readonly [value: T, ...mistakes: NearMiss[]];

const TIME_STEPS_PER_DAY = (24 * 60 * 60 * 1000) / TIME_STEP_MILLISECONDS;
/** Searching a day takes about 20 ms for each key. */
const MAX_KEYS = 3;
/** How old an OTP that was made with a mistake can be. */
const PAST_MILLISECONDS = 5 * 60 * 1000;
/** How far ahead the clock of its maker can be. */
const FUTURE_MILLISECONDS = 60 * 1000;
/** An OTP of 6 digits is the end of the one with 8 (RFC 4226, section 5.3). */
const SHORT_OTP_DIGITS = 6;

/**
 * Finds out how the OTP of a token was made: correctly, within a day of now, or with a common mistake, within some minutes of now.
 *
 * @param digits the digits of the token, not always 40
 * @param now milliseconds since the Unix epoch
 * @returns `undefined` if it matches none of the keys
 */
export function findOtp<Key extends CredentialKey>(
  keys: readonly Key[],
  digits: string,
  now: number,
): OtpFinding<Key> | undefined {
  const searched = keys.slice(0, MAX_KEYS);
  const otp = digits.slice(0, OTP_DIGITS);
  for (const key of searched) {
    const timeStep = nearestTimeStep(key, otp, timeStepAt(now));
    if (timeStep !== undefined) return { key, mistakes: [], timeStep };
  }
  for (const key of searched) {
    const mistakes = findShortOtp(key, digits, now) ?? findMistakes(key, otp, now);
    if (mistakes !== undefined) return { key, mistakes, timeStep: undefined };
  }
  return undefined;
}

function nearestTimeStep({ otpSeed }: CredentialKey, otp: string, current: number): number | undefined {
  for (let distance = 0; distance <= TIME_STEPS_PER_DAY; distance += 1) {
    const timeSteps = [current - distance, current + distance];
    const found = timeSteps.find((timeStep) => timeStep >= 0 && otpSeed.generate(timeStep) === otp);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findShortOtp({ otpSeed }: CredentialKey, digits: string, now: number): NearMiss[] | undefined {
  const short = digits.slice(0, SHORT_OTP_DIGITS);
  const isShort = timesAround(now, TIME_STEP_MILLISECONDS).some((time) =>
    otpSeed.generate(timeStepAt(time)).endsWith(short),
  );
  const text = 'the OTP has 6 digits, the default of most libraries: generate 8 (pyotp: digits=8)';
  return isShort ? [{ code: 'otp-six-digits', text }] : undefined;
}

function findMistakes(key: CredentialKey, otp: string, now: number): NearMiss[] | undefined {
  for (const [bytes, ...seedMistakes] of seedsOf(key.otpSeed.export(), key.tokenSecret.export())) {
    const secret = new Secret({ buffer: new Uint8Array(bytes).buffer });
    for (const [algorithm, ...algorithmMistakes] of algorithms) {
      for (const [period, ...periodMistakes] of periods) {
        const totp = new TOTP({ secret, algorithm, digits: OTP_DIGITS, period });
        const mistakes = [...seedMistakes, ...algorithmMistakes, ...periodMistakes];
        const times = timesAround(now, period * 1000);
        if (times.some((timestamp) => totp.generate({ timestamp }) === otp)) return mistakes;
        if (totp.generate({ timestamp: Math.floor(now / 1000) }) === otp) return [...mistakes, inSeconds];
      }
    }
  }
  return undefined;
}

function timesAround(now: number, period: number): number[] {
  const count = Math.ceil((PAST_MILLISECONDS + FUTURE_MILLISECONDS) / period) + 1;
  const times = Array.from({ length: count }, (_, index) => now + FUTURE_MILLISECONDS - index * period);
  return times.filter((time) => time >= 0);
}

/** Returns the bytes that may have been used as the seed, the correct ones first. */
function seedsOf(otpSeed: string, tokenSecret: string): Variant<Buffer>[] {
  const [right, ...wrong] = decodings(otpSeed);
  const misread = (bytes: Buffer, how: string): Variant<Buffer> => [
    bytes,
    { code: 'seed-decoding', text: `the OTP is made with otp_seed ${how}: decode it from base32` },
  ];
  const swapped = [...decodings(tokenSecret).map(({ bytes }) => bytes), Buffer.from(tokenSecret)];
  return [
    ...(right === undefined ? [] : [[right.bytes] as const]),
    ...[otpSeed, `${otpSeed}\n`].map((text) => misread(Buffer.from(text), 'not decoded')),
    ...wrong.map(({ name, bytes }) => misread(bytes, `decoded from ${name}`)),
    ...swapped.map((bytes): Variant<Buffer> => [bytes, swappedSecrets]),
  ];
}

const swappedSecrets = {
  code: 'secrets-swapped',
  text: 'the OTP is made with token_secret: the two secrets are swapped, or the OTP is made with the wrong one',
};

const algorithms: readonly Variant<string>[] = [
  ['SHA1'],
  ['SHA256', { code: 'otp-algorithm', text: 'the OTP is made with SHA-256: use SHA-1' }],
  ['SHA512', { code: 'otp-algorithm', text: 'the OTP is made with SHA-512: use SHA-1' }],
];

/** In seconds. */
const periods: readonly Variant<number>[] = [
  [TIME_STEP_MILLISECONDS / 1000],
  [60, { code: 'otp-period', text: 'the OTP is made with time steps of 60 s: use 30 s' }],
];

const inSeconds = {
  code: 'otp-seconds',
  text: 'the OTP is made for a time in seconds, but the library expects milliseconds: pass it milliseconds',
};

const TIME_STEPS_PER_QUARTER = (15 * 60 * 1000) / TIME_STEP_MILLISECONDS;
const MAX_OFFSET_MINUTES = 14 * 60;
/** Time zone offsets that are not whole hours, in minutes east or west of UTC, including summer time. */
const BROKEN_OFFSETS = new Set([150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825]);
/** A clock may be one time step ahead, and somebody needs a while to copy the token. */
const MAX_TIME_STEPS_AHEAD = 1;
const MAX_TIME_STEPS_OLD = 4;

/**
 * Returns the offset of a time zone that explains how far off a token is.
 *
 * @param timeSteps how many time steps the token is ahead, negative if it is behind
 * @returns minutes, or `undefined` if no time zone has this offset
 */
export function timeZoneShift(timeSteps: number): number | undefined {
  const quarters = Math.ceil((timeSteps - MAX_TIME_STEPS_AHEAD) / TIME_STEPS_PER_QUARTER);
  const age = quarters * TIME_STEPS_PER_QUARTER - timeSteps;
  const minutes = quarters * 15;
  const size = Math.abs(minutes);
  const isOffset = (size > 0 && size % 60 === 0 && size <= MAX_OFFSET_MINUTES) || BROKEN_OFFSETS.has(size);
  return isOffset && age <= MAX_TIME_STEPS_OLD ? minutes : undefined;
}
