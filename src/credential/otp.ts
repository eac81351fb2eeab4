import { isDate } from 'node:util/types';
import { Secret, TOTP } from 'otpauth';
import { InvalidSecretError } from '../errors.js';
import { OTP_DIGITS } from './token.js';

/** Length of a time step in milliseconds (X in RFC 6238, section 4.1). */
export const TIME_STEP_MILLISECONDS = 30_000;

/** How many time steps before and after the current one are accepted (RFC 6238, section 5.2). */
export const DEVIATION_STEPS = 1;

/** How many time steps are accepted at an instant. */
export const WINDOW_TIME_STEPS: number = 2 * DEVIATION_STEPS + 1;

/** The shortest accepted seed in base32 characters: 80 bits, which mod_auth_token's documentation suggests. */
export const MIN_SEED_CHARACTERS = 16;

const EIGHT_DIGITS = /^[0-9]{8}$/;

/**
 * Returns the number of the time step at an instant (T in RFC 6238, section 4.2).
 *
 * @param now milliseconds since the Unix epoch
 */
export function timeStepAt(now: number): number {
  return Math.floor(now / TIME_STEP_MILLISECONDS);
}

/**
 * Returns a date in milliseconds since the Unix epoch.
 *
 * @throws {RangeError} if the date is invalid or before 1970, when there are no time steps
 */
export function millisecondsOf(date: Date): number {
  const milliseconds = isDate(date) ? date.getTime() : Number.NaN;
  if (!(milliseconds >= 0)) throw new RangeError('expected `now` to be a valid Date from 1970 on');
  return milliseconds;
}

/** An OTP as a number, with its time step. */
interface Otp {
  readonly value: number;
  readonly timeStep: number;
}

/** The one-time passwords of an `otp_seed`: TOTP with HMAC-SHA-1, 8 digits, time steps of 30 s, T0 = 0 (RFC 6238). */
export class OtpSeed {
  readonly #totp: TOTP;
  #windowStart = Number.NaN;
  #window: readonly Otp[] = [];

  /**
   * @param base32 at least 16 characters of A–Z and 2–7 (RFC 4648, section 6), with or without padding
   * @throws {@link InvalidSecretError} for any other text; the message does not repeat it
   */
  constructor(base32: string) {
    assertBase32(base32);
    this.#totp = new TOTP({
      secret: Secret.fromBase32(base32),
      algorithm: 'SHA1',
      digits: OTP_DIGITS,
      period: TIME_STEP_MILLISECONDS / 1000,
    });
  }

  /** Returns the seed in base32, without padding. Explanations use it to try common mistakes. */
  export(): string {
    return this.#totp.secret.base32;
  }

  /** Returns the OTP of a time step: 8 decimal digits. */
  generate(timeStep: number): string {
    return this.#totp.generate({ timestamp: timeStep * TIME_STEP_MILLISECONDS });
  }

  /**
   * Finds the accepted time step that an OTP belongs to. If nearby time steps have the same OTP by chance, returns the first of
   * them, so that a token belongs to the same time step at any instant.
   *
   * @param otp 8 decimal digits
   * @param now milliseconds since the Unix epoch
   * @returns the time step, or `undefined` if the OTP is not accepted now
   */
  findTimeStep(otp: string, now: number): number | undefined {
    if (!EIGHT_DIGITS.test(otp)) return undefined;
    const candidate = Number(otp);
    let found: number | undefined;
    // Always compare all of them, as whole numbers, so that the time does not reveal how many digits of a guess are right.
    for (const { value, timeStep } of this.#windowFrom(timeStepAt(now) - DEVIATION_STEPS)) {
      if (candidate === value) found = timeStep;
    }
    return found;
  }

  /** The accepted OTPs are cached, because they change only every 30 s: a check costs no HMAC-SHA-1. */
  #windowFrom(start: number): readonly Otp[] {
    if (start !== this.#windowStart) {
      this.#window = Array.from({ length: WINDOW_TIME_STEPS }, (_, index) => ({
        value: this.#valueOf(start + index),
        timeStep: this.#firstWithSameOtp(start + index),
      }));
      this.#windowStart = start;
    }
    return this.#window;
  }

  /** Returns the earliest time step since which the same OTP has been accepted without a break. */
  #firstWithSameOtp(timeStep: number): number {
    const value = this.#valueOf(timeStep);
    const earlier = Array.from({ length: WINDOW_TIME_STEPS }, (_, index) => timeStep - 1 - index);
    const same = earlier.find((other) => other >= 0 && value === this.#valueOf(other));
    return same === undefined ? timeStep : this.#firstWithSameOtp(same);
  }

  /** There are no time steps before 1970; no candidate equals NaN. */
  #valueOf(timeStep: number): number {
    return timeStep < 0 ? Number.NaN : Number(this.generate(timeStep));
  }
}

/** otpauth treats `''` and `'A'` as an empty key with predictable codes, and its errors repeat a character of the seed. */
function assertBase32(seed: string): void {
  const characters = seed.replace(/=+$/, '');
  if (/[^A-Z2-7]/.test(characters)) {
    throw new InvalidSecretError('expected base32: the capital letters A–Z and the digits 2–7 only');
  }
  const { length } = characters;
  if (length < MIN_SEED_CHARACTERS) {
    throw new InvalidSecretError(
      `expected at least ${MIN_SEED_CHARACTERS} base32 characters, found ${length}`,
    );
  }
  if ([1, 3, 6].includes(length % 8)) {
    throw new InvalidSecretError(`expected another length: base32 never has ${length} characters`);
  }
}
