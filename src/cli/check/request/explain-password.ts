import type { Reason } from '../../../authenticator/reasons.js';
import { looksLikeToken } from '../../../credential/token.js';
import type { PasswordRefusal } from '../../../passwords/passwords.js';
import type { UserRequest } from '../../../protocol/request.js';
import type { Judgement } from '../../verify/judge-token.js';
import type { AskedBackends } from './asked-backends.js';

type Login = Extract<UserRequest, { operation: 'auth' }>;

const REFUSALS: Readonly<Record<PasswordRefusal, string>> = {
  'wrong-password': 'no back end of [passwords] knows this user with this password',
  'password-backend-unavailable': 'a back end of [passwords] gave no answer',
  'blocked-user': 'the password is right, but the application has disabled the account',
  throttled: 'too many wrong passwords',
};

/** What the configuration makes of a request. */
export interface ExpectedAnswer extends Judgement {
  /** The reason that the daemon should give for a refusal, if that is known. */
  readonly code?: Reason;
}

/** Judges a password as the daemon would if nobody had tried too many. */
export async function judgePassword(
  { user, host, password }: Login,
  { passwords }: AskedBackends,
): Promise<ExpectedAnswer> {
  if (password === '') {
    const reason = 'the password is empty, so no back end is asked';
    return { accepted: false, reason, code: 'wrong-password' };
  }
  const { refusal, backend } = await passwords.verify({ user, host, password }, undefined);
  if (refusal !== undefined) return { accepted: false, reason: REFUSALS[refusal], code: refusal };
  return { accepted: true, reason: `the back end ${backend ?? ''} accepts the password` };
}

/** Explains which kind of credential a host takes a refused one for. @returns the reason, with a clause added if that helps */
export function addKind(judgement: Judgement, { host, password }: Login, hasPasswords: boolean): Judgement {
  if (judgement.accepted || (looksLikeToken(password) && !hasPasswords)) return judgement;
  const clause = hasPasswords
    ? 'no back end of [passwords] is asked, because 32 digits in a row make it a token'
    : `${host} has no [passwords], so a password is refused as a malformed token`;
  return { ...judgement, reason: `${judgement.reason}; ${clause}` };
}
