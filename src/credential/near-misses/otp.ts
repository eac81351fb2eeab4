import { Secret, TOTP } from 'otpauth';
import type { CredentialKey } from '../key.js';
import type { KeyText } from '../key-text.js';
import { TIME_STEP_MILLISECONDS, timeStepAt } from '../otp.js';
import { OTP_DIGITS } from '../token.js';
import { decodings } from './decodings.js';
import type { NearMiss } from './near-miss.js';

/** How an OTP was made. */
export interface OtpFinding<Key> {
  readonly key: Key;
  /** Empty if it's right, for its time. */
  readonly mistakes: readonly NearMiss[];
  /** The time step that it belongs to, if it's right. */
  readonly timeStep: number | undefined;
}

const STEPS_PER_DAY = (24 * 60 * 60 * 1000) / TIME_STEP_MILLISECONDS;
/** To search a day takes some 20 ms. */
const MAX_KEYS = 3;
/** How old a token may be whose OTP was made with a mistake, and how far ahead its clock. */
const PAST_MILLISECONDS = 5 * 60 * 1000;
const FUTURE_MILLISECONDS = 60 * 1000;
/** An OTP of 6 digits is the end of the one with 8 (RFC 4226, section 5.3). */
const SHORT_OTP_DIGITS = 6;

/**
 * Finds out how the OTP of a token was made, if with one of some keys: rightly, within a day of now, or with a common mistake,
 * within some minutes.
 *
 * @param digits of the token, and not always 40
 * @param now milliseconds since the Unix epoch
 * @returns `undefined` for an OTP that is none of them
 */
export function findOtp<Key extends CredentialKey>(
  keys: readonly Key[],
  digits: string,
  now: number,
): OtpFinding<Key> | undefined {
  const searched = keys.slice(0, MAX_KEYS);
  const otp = digits.slice(0, OTP_DIGITS);
  for (const key of searched) {
    const timeStep = nearestStep(key, otp, timeStepAt(now));
    if (timeStep !== undefined) return { key, mistakes: [], timeStep };
  }
  for (const key of searched) {
    const mistakes = findShortOtp(key, digits, now) ?? findMistakes(key, otp, now);
    if (mistakes !== undefined) return { key, mistakes, timeStep: undefined };
  }
  return undefined;
}

function nearestStep(key: CredentialKey, otp: string, current: number): number | undefined {
  for (let distance = 0; distance <= STEPS_PER_DAY; distance += 1) {
    const timeStep = [current - distance, current + distance].find(
      (s) => s >= 0 && key.otpSeed.generate(s) === otp,
    );
    if (timeStep !== undefined) return timeStep;
  }
  return undefined;
}

function findShortOtp({ otpSeed }: CredentialKey, digits: string, now: number): NearMiss[] | undefined {
  const short = digits.slice(0, SHORT_OTP_DIGITS);
  const isShort = timesAround(now, TIME_STEP_MILLISECONDS).some((time) =>
    otpSeed.generate(timeStepAt(time)).endsWith(short),
  );
  return isShort ? [shortOtp] : undefined;
}

const shortOtp = {
  code: 'otp-six-digits',
  text: 'its OTP has 6 digits, as libraries make them unless told otherwise: have it made with 8 (pyotp: digits=8)',
};

function findMistakes(key: CredentialKey, otp: string, now: number): NearMiss[] | undefined {
  for (const { totp, mistakes } of readingsOf(key)) {
    const times = timesAround(now, totp.period * 1000);
    if (times.some((timestamp) => totp.generate({ timestamp }) === otp)) return mistakes;
    if (totp.generate({ timestamp: Math.floor(now / 1000) }) === otp) return [...mistakes, inSeconds];
  }
  return undefined;
}

/** A way to make the OTP. */
interface OtpReading {
  readonly totp: TOTP;
  readonly mistakes: NearMiss[];
}

function readingsOf({ otpSeed, tokenSecret }: CredentialKey): OtpReading[] {
  const seeds = seedsOf({ otpSeed: otpSeed.export(), tokenSecret: tokenSecret.export() });
  return seeds.flatMap((seed) =>
    algorithms.flatMap((algorithm) => periods.map((period) => readingOf(seed, algorithm, period))),
  );
}

function readingOf(
  seed: Seed,
  algorithm: (typeof algorithms)[number],
  period: (typeof periods)[number],
): OtpReading {
  const secret = new Secret({ buffer: new Uint8Array(seed.bytes).buffer });
  const totp = new TOTP({ secret, algorithm: algorithm.name, digits: OTP_DIGITS, period: period.seconds });
  const mistakes = [seed.mistake, algorithm.mistake, period.mistake].filter(
    (mistake) => mistake !== undefined,
  );
  return { totp, mistakes };
}

function timesAround(now: number, period: number): number[] {
  const count = Math.ceil((PAST_MILLISECONDS + FUTURE_MILLISECONDS) / period) + 1;
  const times = Array.from({ length: count }, (_, index) => now + FUTURE_MILLISECONDS - index * period);
  return times.filter((time) => time >= 0);
}

interface Seed {
  readonly bytes: Buffer;
  readonly mistake: NearMiss | undefined;
}

function seedsOf({ otpSeed, tokenSecret }: KeyText): Seed[] {
  const [right, ...wrong] = decodings(otpSeed);
  const swapped = [...decodings(tokenSecret).map(({ bytes }) => bytes), Buffer.from(tokenSecret)];
  return [
    ...(right === undefined ? [] : [{ bytes: right.bytes, mistake: undefined }]),
    ...[otpSeed, `${otpSeed}\n`].map((text) => ({
      bytes: Buffer.from(text),
      mistake: seedNotDecoded('not decoded'),
    })),
    ...wrong.map(({ name, bytes }) => ({ bytes, mistake: seedNotDecoded(`decoded from ${name}`) })),
    ...swapped.map((bytes) => ({ bytes, mistake: swappedSeed })),
  ];
}

function seedNotDecoded(how: string): NearMiss {
  return { code: 'seed-decoding', text: `its OTP is made with otp_seed ${how}: decode it from base32` };
}

const swappedSeed = {
  code: 'secrets-swapped',
  text: 'its OTP is made with token_secret: the two secrets are swapped, or the OTP is made with the wrong one',
};

const algorithms = [
  { name: 'SHA1', mistake: undefined },
  ...['SHA256', 'SHA512'].map((name) => ({
    name,
    mistake: {
      code: 'otp-algorithm',
      text: `its OTP is made with ${name.replace('SHA', 'SHA-')}: use SHA-1`,
    },
  })),
];

const periods = [
  { seconds: TIME_STEP_MILLISECONDS / 1000, mistake: undefined },
  {
    seconds: 60,
    mistake: { code: 'otp-period', text: 'its OTP is made with time steps of 60 s: use 30 s' },
  },
];

const inSeconds = {
  code: 'otp-seconds',
  text: 'its OTP is made for seconds where the library expects milliseconds: hand it the right unit',
};
