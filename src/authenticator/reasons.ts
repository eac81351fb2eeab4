import type { FailureKind } from '../protocol/protocol.js';

/** Why a request was refused or left unanswered, and what each reason means. */
export const reasons = {
  'malformed-token': 'not 40 digits, a space and 44 base64 characters',
  'wrong-signature': 'signed for another JID, or with another `token_secret`',
  'wrong-otp': 'valid signature, but expired, from the future, or made with another `otp_seed`',
  'wrong-password': 'no back end of `[passwords]` knows this user with this password',
  'password-backend-unavailable':
    'a back end of `[passwords]` gave no answer; see `password back end unavailable` in the log',
  throttled: 'too many wrong passwords for this user or from this client address; see `[passwords.limits]`',
  'inactive-key': "the token's key is expired or not yet active",
  replayed: 'the token has been used before',
  'replay-unknown': 'the token may have been used before the cache epoch',
  'replay-cache-unavailable': 'the store of the replay cache, revocations and seen users cannot be used',
  'unprepared-name': 'the user or host is not spelled as an XMPP server sends it',
  'unknown-host': 'the host is not in the configuration',
  'unknown-user': '`isuser`: there is no such user',
  'no-user-list':
    'the server requested a list of users, but `users = "any"` and `users = "passwords"` keep none',
  'blocked-user':
    'a user in `blocked_users`, revoked by `xtokend revoke`, or disabled in the application; for `auth`, with a valid token or password',
  'unlisted-user':
    'a user who is not in the list of `users`, with `restrict_auth`; for `auth`, with a valid token or password',
  'unsupported-operation': '`setpass`, `tryregister` and similar: xtokend has no accounts',
  'malformed-request': 'a field is missing or invalid, or the request is too long or not UTF-8; see `cause`',
  'unknown-protocol': 'the first bytes of a connection are no request; see `cause`',
  'no-configuration': 'the configuration is missing or invalid',
  'internal-error': 'an unexpected error; see `cause`',
  'deadline-exceeded': 'unanswered: the client was gone, or the answer was not ready within `answer_within`',
  'incomplete-request': 'unanswered: the bytes do not end as a request of this protocol does',
} as const;

/** The log field and the metrics label `reason`. */
export type Reason = keyof typeof reasons;

/** Returns what a reason means, as plain text. Returns `undefined` if there is no such reason. */
export function meaningOf(reason: string): string | undefined {
  return Object.hasOwn(reasons, reason) ? reasons[reason as Reason].replaceAll('`', '') : undefined;
}

/** Why a request was left unanswered. */
export type UnansweredReason = 'deadline-exceeded' | 'incomplete-request' | 'unknown-protocol';

/** Why a request was refused. */
export type RefusalReason = Exclude<Reason, 'deadline-exceeded' | 'incomplete-request'>;

/**
 * What a client should make of a refusal. None of it helps to guess: for a login, `expired` needs a valid signature, `user_disabled` a valid
 * token or password, and `temp` does not depend on the credential, or needs a valid one.
 */
export const failureKinds: Readonly<Partial<Record<RefusalReason, FailureKind>>> = {
  'unknown-host': 'temp',
  'replay-unknown': 'temp',
  'replay-cache-unavailable': 'temp',
  'password-backend-unavailable': 'temp',
  throttled: 'temp',
  'no-configuration': 'temp',
  'internal-error': 'temp',
  'wrong-otp': 'expired',
  'inactive-key': 'expired',
  replayed: 'expired',
  'blocked-user': 'user_disabled',
  'unlisted-user': 'user_disabled',
};
