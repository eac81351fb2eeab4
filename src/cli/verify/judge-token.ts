import { checkCredential } from '../../credential/check.js';
import { explainToken } from '../../credential/explain.js';
import { isActiveAt, type NamedKey } from '../../credential/key.js';
import { formatToken } from '../../credential/token.js';
import { describeExplanation, describeForm, describeStep } from './describe-explanation.js';
import type { Login } from '../login.js';
import { formatTime } from '../time.js';

/** What the keys of a host say of a token. */
export interface Judgement {
  readonly accepted: boolean;
  /** Why, in words. */
  readonly reason: string;
}

/** Says what the daemon would say of a token that nobody has used yet, and why. */
export function judgeToken(login: Login, text: string, now: number): Judgement {
  const { keys, jid } = login;
  const check = checkCredential(keys, text, jid, now);
  if (!check.accepted) return { accepted: false, reason: describeRefusal(login, text, now) };
  const madeWith = keys.length > 1 ? `made with the key ${check.key.id}; ` : '';
  return isActiveAt(check.key, now)
    ? { accepted: true, reason: `${madeWith}${describeStep(check.timeStep)}` }
    : { accepted: false, reason: `${madeWith}${describePeriod(check.key)}` };
}

function describePeriod({ notBefore, notAfter }: NamedKey): string {
  const from = notBefore === Number.NEGATIVE_INFINITY ? '' : ` from ${formatTime(notBefore)}`;
  const until = notAfter === Number.POSITIVE_INFINITY ? '' : ` until ${formatTime(notAfter)}`;
  return `that key is good only${from}${until} (not_before, not_after)`;
}

function describeRefusal(login: Login, text: string, now: number): string {
  const { keys, otherKeys } = login;
  const explanation = explainToken([...keys, ...otherKeys], text, login, now);
  const { form, token } = explanation;
  if (form.length === 0) return describeExplanation(explanation, login, now);
  if (token === undefined) return describeForm(form);
  const repaired = formatToken(token);
  const without = checkCredential(keys, repaired, login.jid, now).accepted
    ? 'without that it would be accepted'
    : `besides, it is ${describeExplanation(explanation, login, now)}`;
  return `${describeForm(form)}; ${without}`;
}
