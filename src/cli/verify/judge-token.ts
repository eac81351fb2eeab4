import { checkCredential } from '../../credential/check.js';
import { explainToken, type Explanation } from '../../credential/explain.js';
import { domainOf } from '../../credential/jid/jid.js';
import { isActiveAt, type NamedKey } from '../../credential/key.js';
import type { NearMiss } from '../../credential/near-misses/near-miss.js';
import { timeZoneShift, type OtpFinding } from '../../credential/near-misses/otp.js';
import { DEVIATION_STEPS, TIME_STEP_MILLISECONDS, timeStepAt } from '../../credential/otp.js';
import { formatToken } from '../../credential/token.js';
import type { Login } from '../shared/login.js';
import { formatDuration, formatOffset, formatTime } from '../shared/time.js';

/** Whether the keys of a host accept a token. */
export interface Judgement {
  readonly accepted: boolean;
  /** Why, for people. */
  readonly reason: string;
}

/**
 * Judges a token as the daemon would if nobody had used it yet, and explains the result.
 *
 * @param now milliseconds since the Unix epoch
 */
export function judgeToken(login: Login, text: string, now: number): Judgement {
  const { keys, jid } = login;
  const check = checkCredential(keys, text, jid, now);
  if (!check.accepted) return { accepted: false, reason: describeRefusal(login, text, now) };
  const accepted = isActiveAt(check.key, now);
  const madeWith = keys.length > 1 ? `made with the key "${check.key.id}"; ` : '';
  const rest = accepted ? describeTimeStep(check.timeStep) : describePeriod(check.key);
  return { accepted, reason: madeWith + rest };
}

function describePeriod({ notBefore, notAfter }: NamedKey): string {
  const from = notBefore === Number.NEGATIVE_INFINITY ? '' : ` from ${formatTime(notBefore)}`;
  const until = notAfter === Number.POSITIVE_INFINITY ? '' : ` until ${formatTime(notAfter)}`;
  return `that key is active only${from}${until} (not_before, not_after)`;
}

function describeRefusal(login: Login, text: string, now: number): string {
  const { keys, otherKeys } = login;
  const explanation = explainToken([...keys, ...otherKeys], text, login, now);
  const { form, token } = explanation;
  if (form.length === 0) return describeExplanation(explanation, login, now);
  if (token === undefined) return describeForm(form);
  const rest = checkCredential(keys, formatToken(token), login.jid, now).accepted
    ? 'without that it would be accepted'
    : `the token in it is ${describeExplanation(explanation, login, now)}`;
  return `${describeForm(form)}; ${rest}`;
}

/** Describes why a text is not a token. @param mistakes at least one */
function describeForm(mistakes: readonly NearMiss[]): string {
  return (
    'this is not a token: expected 40 digits, a space and 44 characters of base64, 85 characters in all; ' +
    `found ${textOf(mistakes)}`
  );
}

/** Describes why a text that has the form of a token is refused. */
function describeExplanation({ signature, otp }: Explanation<NamedKey>, login: Login, now: number): string {
  const fault = describeOtp(otp, now);
  if (signature === undefined) {
    const rest = otp?.timeStep === undefined ? fault : 'the OTP matches this otp_seed';
    return `signed for another JID or with another token_secret; ${rest ?? ''}`;
  }
  const mistakes = [...signature.mistakes, ...mistakesOfKeys(signature.key, otp?.key, login)];
  if (mistakes.length === 0) return `correctly signed, but ${fault ?? 'it is not accepted'}`;
  return `${textOf(mistakes)} (${fault ?? 'the OTP is correct'})`;
}

/** Finds a signature with one key and an OTP with another, or both with a key of another host. */
function mistakesOfKeys(signer: NamedKey, otpMaker: NamedKey | undefined, login: Login): NearMiss[] {
  if (otpMaker !== undefined && otpMaker !== signer) {
    const made = `the signature is made with the key "${signer.id}", but the OTP with the key "${otpMaker.id}"`;
    return [{ code: 'keys-mixed', text: `${made}: use both secrets of one key` }];
  }
  if (login.keys.includes(signer)) return [];
  const text = `made with the key "${signer.id}", which is not for ${domainOf(login.jid)}`;
  return [{ code: 'key-of-other-host', text }];
}

/** Returns `undefined` if the OTP is accepted now. */
function describeOtp(otp: OtpFinding<NamedKey> | undefined, now: number): string | undefined {
  if (otp === undefined) {
    return 'the OTP matches no time within a day: it is older, or made with another otp_seed';
  }
  const { timeStep, mistakes } = otp;
  if (timeStep === undefined) return textOf(mistakes);
  const ahead = timeStep - timeStepAt(now);
  if (Math.abs(ahead) <= DEVIATION_STEPS) return undefined;
  const shift = timeZoneShift(ahead);
  const distance = shift === undefined ? undefined : describeShift(shift);
  if (ahead < 0) {
    const expired = `it expired ${formatDuration(now - endOf(timeStep))} ago`;
    const other = distance === undefined ? '' : `, or it was minted just now with a time that is ${distance}`;
    return `${expired}${other}; ${describeTimeStep(timeStep)}`;
  }
  const off = formatDuration(ahead * TIME_STEP_MILLISECONDS);
  const cause = distance ?? `about ${off} ahead: synchronize the clock of the signing machine`;
  return `it is not valid yet, because its time is ${cause}; ${describeTimeStep(timeStep)}`;
}

/** @param minutes how far the time of the token is ahead */
function describeShift(minutes: number): string {
  const length = formatDuration(Math.abs(minutes) * 60_000);
  return (
    `${length} ${minutes < 0 ? 'behind' : 'ahead'}, as from a time zone: the signing side takes UTC for local time ` +
    `(timecode(datetime.utcnow()) at UTC${formatOffset(-minutes)}) or local time for UTC (at UTC${formatOffset(minutes)}). ` +
    "Use the Unix time, such as Python's time.time() or pyotp's totp.at(datetime.now(timezone.utc))"
  );
}

/** Describes when the OTP of a time step is accepted. */
function describeTimeStep(timeStep: number): string {
  const start = timeStep * TIME_STEP_MILLISECONDS;
  const from = formatTime(start - DEVIATION_STEPS * TIME_STEP_MILLISECONDS);
  return `the OTP of ${formatTime(start)} is valid from ${from} until ${formatTime(endOf(timeStep))}`;
}

function endOf(timeStep: number): number {
  return (timeStep + 1 + DEVIATION_STEPS) * TIME_STEP_MILLISECONDS;
}

function textOf(mistakes: readonly NearMiss[]): string {
  return mistakes.map(({ text }) => text).join('; ');
}
