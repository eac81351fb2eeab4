import type { Explanation } from '../../credential/explain.js';
import { domainOf } from '../../credential/jid/jid.js';
import type { NamedKey } from '../../credential/key.js';
import type { NearMiss } from '../../credential/near-misses/near-miss.js';
import type { OtpFinding } from '../../credential/near-misses/otp.js';
import { timeZoneShift } from '../../credential/near-misses/otp.js';
import { DEVIATION_STEPS, TIME_STEP_MILLISECONDS, timeStepAt } from '../../credential/otp.js';
import type { Login } from '../login.js';
import { formatDuration, formatOffset, formatTime } from '../time.js';

/** Says what is wrong with a token's form, when it's none. @param mistakes at least one */
export function describeForm(mistakes: readonly NearMiss[]): string {
  return (
    'this is not a token: expected 40 digits, a space and 44 characters of base64, 85 characters in all; ' +
    `found ${textOf(mistakes)}`
  );
}

/** Says what is wrong with a token that has the right form. */
export function describeExplanation(
  { signature, otp }: Explanation<NamedKey>,
  login: Login,
  now: number,
): string {
  if (signature === undefined) return `${signedOtherwise}${describeOtpOfUnsigned(otp)}`;
  const mistakes = [...signature.mistakes, ...mistakesOfKeys(signature.key, otp?.key, login)];
  const rest = describeOtp(otp, now);
  if (mistakes.length === 0) return `rightly signed, but ${rest ?? 'it is not accepted'}`;
  return `${textOf(mistakes)} (${rest ?? 'the OTP is right'})`;
}

const signedOtherwise = 'signed for another JID or with another token_secret';
const noStep = 'its OTP is of no time within a day of now: made with another otp_seed, or long ago';

function describeOtpOfUnsigned(otp: OtpFinding<NamedKey> | undefined): string {
  if (otp === undefined) return `, and ${noStep}`;
  return otp.timeStep === undefined ? `, and ${textOf(otp.mistakes)}` : ' (its OTP comes from this otp_seed)';
}

/** A signature with one key and an OTP with another, or both with one that is for another host. */
function mistakesOfKeys(signer: NamedKey, otpMaker: NamedKey | undefined, login: Login): NearMiss[] {
  if (otpMaker !== undefined && otpMaker !== signer) {
    const text = `its signature is made with the key "${signer.id}" and its OTP with the key "${otpMaker.id}": take both secrets of one key`;
    return [{ code: 'keys-mixed', text }];
  }
  if (login.keys.includes(signer)) return [];
  return [
    {
      code: 'key-of-other-host',
      text: `made with the key "${signer.id}", which is not for ${domainOf(login.jid)}`,
    },
  ];
}

/** @returns `undefined` for an OTP that is right */
function describeOtp(otp: OtpFinding<NamedKey> | undefined, now: number): string | undefined {
  if (otp === undefined) return noStep;
  const { timeStep, mistakes } = otp;
  if (timeStep === undefined) return textOf(mistakes);
  const distance = timeStep - timeStepAt(now);
  return Math.abs(distance) <= DEVIATION_STEPS
    ? undefined
    : `${describeDistance(distance, timeStep, now)}; ${describeStep(timeStep)}`;
}

function describeDistance(ahead: number, timeStep: number, now: number): string {
  const shift = timeZoneShift(ahead);
  if (ahead < 0) {
    const expired = `expired ${formatDuration(now - endOf(timeStep))} ago`;
    return shift === undefined
      ? expired
      : `${expired}, or made just now with a time that is ${describeShift(shift)}`;
  }
  return shift === undefined
    ? `not valid yet: the clock of the signing machine is about ${formatDuration(ahead * TIME_STEP_MILLISECONDS)} ahead`
    : `not valid yet: its time is ${describeShift(shift)}`;
}

/** @param minutes how far the token's time is ahead */
function describeShift(minutes: number): string {
  const length = formatDuration(Math.abs(minutes) * 60_000);
  return (
    `${length} ${minutes < 0 ? 'behind' : 'ahead'}, which is a time zone rather than a clock: ` +
    `the signing side takes UTC for local time, as timecode(datetime.utcnow()) does at UTC${formatOffset(-minutes)}, ` +
    `or local time for UTC, at UTC${formatOffset(minutes)}; take the Unix time, such as Python's time.time() or pyotp's totp.now()`
  );
}

/** @returns when an OTP is accepted */
export function describeStep(timeStep: number): string {
  const start = timeStep * TIME_STEP_MILLISECONDS;
  const from = formatTime(start - DEVIATION_STEPS * TIME_STEP_MILLISECONDS);
  return `its OTP is of the 30 s from ${formatTime(start)}, good from ${from} until ${formatTime(endOf(timeStep))}`;
}

function endOf(timeStep: number): number {
  return (timeStep + 1 + DEVIATION_STEPS) * TIME_STEP_MILLISECONDS;
}

function textOf(mistakes: readonly NearMiss[]): string {
  return mistakes.map(({ text }) => text).join('; ');
}
