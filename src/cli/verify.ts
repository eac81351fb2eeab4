import { checkCredential } from '../credential/check.js';
import { explainToken, type Explanation } from '../credential/explain.js';
import { DEVIATION_STEPS, STEP_MILLISECONDS, stepAt } from '../credential/otp.js';
import { isGoodAt, type NamedKey } from '../credential/key.js';
import { findHost } from './configured-host.js';
import { formatDuration, formatTime, parseTime } from './time.js';

/** The options of `xtokend verify`. */
export interface VerifyCommandOptions {
  readonly config?: string;
  readonly at?: string;
}

const ACCEPTED = 0;
const REFUSED = 1;
const MAX_INPUT_CHARACTERS = 1000;

/**
 * `xtokend verify JID TOKEN`: says in words what the daemon would say of a token that nobody has used yet.
 *
 * @returns the exit code
 */
export async function verify(
  jidText: string,
  tokenText: string,
  options: VerifyCommandOptions,
): Promise<number> {
  const now = parseTime(options.at);
  const { jid, settings, refusal } = await findHost(jidText, options.config);
  const token = tokenText === '-' ? await readToken() : tokenText;
  if (settings === undefined) return say(REFUSED, `refused: ${refusal}`);
  const { keys } = settings;
  const check = checkCredential(keys, token, jid, now);
  if (!check.accepted)
    return say(REFUSED, `refused for ${jid}: ${describeRefusal(explainBest(keys, token, jid, now), now)}`);
  const madeWith = keys.length > 1 ? `made with the key ${check.key.id}; ` : '';
  if (!isGoodAt(check.key, now))
    return say(REFUSED, `refused for ${jid}: ${madeWith}${describePeriod(check.key)}`);
  return say(ACCEPTED, `accepted for ${jid}: ${madeWith}${describeStep(check.step)}`);
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

/** Reads a line from stdin; of what is too long for a token, only enough to see that. */
async function readToken(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > MAX_INPUT_CHARACTERS) break;
  }
  return text.replace(/\r?\n$/, '');
}

function say(exitCode: number, sentence: string): number {
  process.stdout.write(`${sentence}\n`);
  return exitCode;
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
