import { checkCredential } from '../../credential/check.js';
import { explainToken } from '../../credential/explain.js';
import { isActiveAt, type NamedKey } from '../../credential/key.js';
import { formatToken } from '../../credential/token.js';
import type { Login } from '../shared/login.js';
import { formatTime } from '../shared/time.js';
import { describeExplanation, describeForm, describeTimeStep } from './describe-explanation.js';

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
