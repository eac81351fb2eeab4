import { Secret, TOTP } from 'otpauth';
import { InvalidSecretError } from '../errors.js';
import { OTP_DIGITS } from './token.js';

/** Length of a time step X in milliseconds (RFC 6238, section 4.1). */
export const TIME_STEP_MILLISECONDS = 30_000;

/** How many steps before and after the current one are accepted (RFC 6238, section 5.2). */
export const DEVIATION_STEPS = 1;

const EIGHT_DIGITS = /^[0-9]{8}$/;

/** The shortest accepted seed in base32 characters: 80 bits, what mod_auth_token's documentation suggests. */
export const MIN_SEED_CHARACTERS = 16;

/** How many steps are accepted at an instant: neighbours so far apart follow each other without a break. */
export const WINDOW_TIME_STEPS: number = 2 * DEVIATION_STEPS + 1;

/**
 * The number of the time step T that an instant lies in (RFC 6238, section 4.2).
 *
 * @param now milliseconds since the Unix epoch
 */
export function timeStepAt(now: number): number {
  return Math.floor(now / TIME_STEP_MILLISECONDS);
}

/** An OTP as a number, with the step that it belongs to. */
interface Otp {
  readonly value: number;
  readonly timeStep: number;
}

/** The one-time passwords of one `otp_seed`: TOTP with HMAC-SHA-1, 8 digits, 30 s steps, T0 = 0 (RFC 6238). */
export class OtpSeed {
  readonly #totp: TOTP;
  #windowStep = Number.NaN;
  #window: readonly Otp[] = [];

  /**
   * @param base32 the seed: at least 16 characters of A–Z and 2–7 (RFC 4648, section 6), with or without padding
   * @throws {@link InvalidSecretError} for any other text; the message does not repeat it
   */
  constructor(base32: string) {
    assertBase32(base32);
    const secret = Secret.fromBase32(base32);
    this.#totp = new TOTP({
      secret,
      algorithm: 'SHA1',
      digits: OTP_DIGITS,
      period: TIME_STEP_MILLISECONDS / 1000,
    });
  }

  /** @returns the seed in base32, without padding: for explanations, which try what else it can be taken for */
  export(): string {
    return this.#totp.secret.base32;
  }

  /** @returns the OTP of a time step: 8 decimal digits */
  generate(timeStep: number): string {
    return this.#totp.generate({ timestamp: timeStep * TIME_STEP_MILLISECONDS });
  }

  /**
   * Says which step an OTP belongs to, of those that are accepted now. By chance steps near each other can have the same
   * OTP: the first of them is meant, so that one token is of the same step at whatever instant it comes.
   *
   * @param otp 8 decimal digits
   * @param now milliseconds since the Unix epoch
   * @returns the step, or `undefined` where the OTP is of none that is accepted now
   */
  findStep(otp: string, now: number): number | undefined {
    if (!EIGHT_DIGITS.test(otp)) return undefined;
    const candidate = Number(otp);
    let found: number | undefined;
    // Every step is compared, as whole numbers: how long a guess takes tells nothing about how many digits are right.
    for (const { value, timeStep } of this.#windowFrom(timeStepAt(now) - DEVIATION_STEPS)) {
      if (candidate === value) found = timeStep;
    }
    return found;
  }

  /** The valid OTPs change every 30 s only, so they are kept until then: a check costs no HMAC-SHA-1. */
  #windowFrom(first: number): readonly Otp[] {
    if (first !== this.#windowStep) {
      const timeSteps = Array.from({ length: WINDOW_TIME_STEPS }, (_, index) => first + index);
      this.#window = timeSteps.map((timeStep) => ({
        value: this.#valueOf(timeStep),
        timeStep: this.#firstStepOf(timeStep),
      }));
      this.#windowStep = first;
    }
    return this.#window;
  }

  /** The first step of an unbroken time in which the OTP of this one is accepted. */
  #firstStepOf(timeStep: number): number {
    const value = this.#valueOf(timeStep);
    const earlier = Array.from({ length: WINDOW_TIME_STEPS }, (_, index) => timeStep - 1 - index);
    const same = earlier.find((other) => other >= 0 && value === this.#valueOf(other));
    return same === undefined ? timeStep : this.#firstStepOf(same);
  }

  // Time steps before 1970 do not exist; no candidate equals this.
  #valueOf(timeStep: number): number {
    return timeStep < 0 ? Number.NaN : Number(this.generate(timeStep));
  }
}

// otpauth takes '' and 'A' for an empty key with predictable codes, and its errors repeat a character of the seed.
function assertBase32(seed: string): void {
  const characters = seed.replace(/=+$/, '');
  if (/[^A-Z2-7]/.test(characters)) {
    throw new InvalidSecretError('expected base32: the capital letters A–Z and the digits 2–7 only');
  }
  if (characters.length < MIN_SEED_CHARACTERS) {
    throw new InvalidSecretError(
      `expected at least ${MIN_SEED_CHARACTERS} base32 characters, found ${characters.length}`,
    );
  }
  if ([1, 3, 6].includes(characters.length % 8)) {
    throw new InvalidSecretError(
      `found ${characters.length} characters, a length that base32 never has: one is missing or too many`,
    );
  }
}
