import { checkCredential } from '../credential/check.js';
import { explainToken, type Explanation } from '../credential/explain.js';
import { DEVIATION_STEPS, STEP_MILLISECONDS, stepAt } from '../credential/otp.js';
import { findKey } from './configured-key.js';
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
  const { jid, key, refusal } = await findKey(jidText, options.config);
  const token = tokenText === '-' ? await readToken() : tokenText;
  if (key === undefined) return say(REFUSED, `refused: ${refusal}`);
  const check = checkCredential(key, token, jid, now);
  if (check.accepted) return say(ACCEPTED, `accepted for ${jid}: ${describeStep(check.step)}`);
  return say(REFUSED, `refused for ${jid}: ${describeRefusal(explainToken(key, token, jid, now), now)}`);
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
