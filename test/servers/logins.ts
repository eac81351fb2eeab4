import { mintToken } from '../../src/index.js';
import { OTHER_SECRET, OTHER_SEED, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import type { LoginResult } from '../support/xmpp-login.js';

/** Secrets of most hosts, and others for other.example. */
export const CONFIGURATION: string = `
${SECRETS}
[hosts."example.com"]
[hosts."pool.example"]
[hosts."strict.example"]
[hosts."other.example"]
otp_seed = "${OTHER_SEED}"
token_secret = "${OTHER_SECRET}"
`;

export const ACCEPTED: LoginResult = { decision: 'accepted' };
export const REFUSED: LoginResult = { decision: 'refused', condition: 'not-authorized' };
export const UNAVAILABLE: LoginResult = { decision: 'refused', condition: 'temporary-auth-failure' };

/** @returns a token by the secrets of most hosts */
export function tokenOf(jid: string, now: Date = new Date()): string {
  return mintToken({ jid, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET, now });
}

/** @returns a token by the secrets of other.example */
export function otherTokenOf(jid: string): string {
  return mintToken({ jid, otpSeed: OTHER_SEED, tokenSecret: OTHER_SECRET });
}

/** @returns what the log of an xtokend says of a user's logins: `accepted`, or why not */
export function decisionsIn(log: string, jid: string): string[] {
  const line = new RegExp(`info (accepted|refused) operation="auth" (?:reason="(.*)" )?jid="${jid}"`, 'g');
  return [...log.matchAll(line)].map(([, decision = '', reason]) => reason ?? decision);
}

/** What no host accepts, and why. */
export const BAD_CREDENTIALS: readonly (readonly [
  name: string,
  reason: string,
  make: (jid: string) => string,
])[] = [
  ["another user's token", 'wrong-signature', (jid) => tokenOf(`not-${jid}`)],
  ['a token that has expired', 'wrong-otp', (jid) => tokenOf(jid, new Date(Date.now() - 90_000))],
  ['a password', 'malformed-token', () => 'correct horse: battery staple'],
];

let users = 0;

/** @returns a user of whom no log says anything yet */
export function newUser(): string {
  users += 1;
  return `user${users}`;
}
