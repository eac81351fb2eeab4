import { checkCredential } from '../credential/check.js';
import { explainToken, type Explanation } from '../credential/explain.js';
import { isGoodAt, type NamedKey } from '../credential/key.js';
import { DEVIATION_STEPS, STEP_MILLISECONDS, stepAt } from '../credential/otp.js';
import { formatDuration, formatTime } from './time.js';

/** What the keys of a host say of a token. */
export interface Judgement {
  readonly accepted: boolean;
  /** Why, in words. */
  readonly reason: string;
}

/** Says what the daemon would say of a token that nobody has used yet, and why. @param jid already normalised */
export function judgeToken(keys: readonly NamedKey[], token: string, jid: string, now: number): Judgement {
  const check = checkCredential(keys, token, jid, now);
  if (!check.accepted) {
    return { accepted: false, reason: describeRefusal(explainBest(keys, token, jid, now), now) };
  }
  const madeWith = keys.length > 1 ? `made with the key ${check.key.id}; ` : '';
  return isGoodAt(check.key, now)
    ? { accepted: true, reason: `${madeWith}${describeStep(check.step)}` }
    : { accepted: false, reason: `${madeWith}${describePeriod(check.key)}` };
}

/** What can be said by the key that has most to do with the token. */
function explainBest(
  keys: readonly NamedKey[],
  token: string,
  jid: string,
  now: number,
): Explanation | undefined {
  const explanations = keys.flatMap((key) => explainToken(key, token, jid, now) ?? []);
  return (
    explanations.find(({ signed }) => signed) ??
    explanations.find(({ step }) => step !== undefined) ??
    explanations[0]
  );
}

function describePeriod({ notBefore, notAfter }: NamedKey): string {
  const from = notBefore === Number.NEGATIVE_INFINITY ? '' : ` from ${formatTime(notBefore)}`;
  const until = notAfter === Number.POSITIVE_INFINITY ? '' : ` until ${formatTime(notAfter)}`;
  return `that key is good only${from}${until} (not_before, not_after)`;
}

function describeRefusal(explanation: Explanation | undefined, now: number): string {
  if (explanation === undefined) {
    return 'this is not a token: expected 40 digits, a space and 44 characters of base64, 85 characters in all';
  }
  const { signed, step } = explanation;
  if (!signed && step === undefined)
    return `signed for another JID or with another token_secret, and ${noStep}`;
  if (!signed)
    return `signed for another JID or with another token_secret (its OTP comes from this otp_seed)`;
  if (step === undefined) return `rightly signed, but ${noStep}`;
  return `rightly signed, but ${describeDistance(step, now)}; ${describeStep(step)}`;
}

const noStep = 'its OTP is of no time within a day of now: made with another otp_seed, or long ago';

function describeDistance(step: number, now: number): string {
  const ahead = step - stepAt(now);
  if (ahead < 0) return `expired ${formatDuration(now - endOf(step))} ago`;
  return `not valid yet: the clock of the signing machine is about ${formatDuration(ahead * STEP_MILLISECONDS)} ahead`;
}

function describeStep(step: number): string {
  const start = step * STEP_MILLISECONDS;
  const from = formatTime(start - DEVIATION_STEPS * STEP_MILLISECONDS);
  return `its OTP is of the 30 s from ${formatTime(start)}, good from ${from} until ${formatTime(endOf(step))}`;
}

function endOf(step: number): number {
  return (step + 1 + DEVIATION_STEPS) * STEP_MILLISECONDS;
}
