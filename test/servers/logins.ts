import { mintToken } from '../../src/index.js';
import { OTHER_SECRET, OTHER_SEED, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { login, type LoginResult, type Transport } from '../support/servers/xmpp-login.js';

/** A configuration in which other.example has secrets of its own. */
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
export const EXPIRED: LoginResult = { decision: 'refused', condition: 'credentials-expired' };
export const DISABLED: LoginResult = { decision: 'refused', condition: 'account-disabled' };
export const UNAVAILABLE: LoginResult = { decision: 'refused', condition: 'temporary-auth-failure' };

/** Mints a token with the secrets of all hosts but other.example. */
export function tokenOf(jid: string, now: Date = new Date()): string {
  return mintToken({ jid, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET, now });
}

/** Mints a token with the secrets of other.example. */
export function otherTokenOf(jid: string): string {
  return mintToken({ jid, otpSeed: OTHER_SEED, tokenSecret: OTHER_SECRET });
}

/** Returns the outcomes of a user's logins in a log of xtokend: `accepted`, or the reason of a refusal. */
export function outcomesIn(log: string, jid: string): string[] {
  const line = new RegExp(`info (accepted|refused) operation="auth" (?:reason="(.*)" )?jid="${jid}"`, 'g');
  return [...log.matchAll(line)].map(([, outcome = '', reason]) => reason ?? outcome);
}

/** Credentials that every host refuses, the reason, and the result with mod_auth_xtoken. */
export const BAD_CREDENTIALS: readonly (readonly [
  name: string,
  reason: string,
  make: (jid: string) => string,
  result: LoginResult,
])[] = [
  ["another user's token", 'wrong-signature', (jid) => tokenOf(`not-${jid}`), REFUSED],
  ['an expired token', 'wrong-otp', (jid) => tokenOf(jid, new Date(Date.now() - 90_000)), EXPIRED],
  ['a password', 'malformed-token', () => 'correct horse: battery staple', REFUSED],
];

let users = 0;

/** Returns the name of a user that no log contains yet. */
export function newUser(): string {
  users += 1;
  return `user${users}`;
}

/** Logins of a server's clients. */
export interface Logins {
  readonly logIn: (username: string, password: string) => Promise<LoginResult>;
  /** Logs a new user in with a valid token. */
  readonly logInValid: () => Promise<LoginResult>;
  /** Logs a new user in with the token of another. */
  readonly logInInvalid: () => Promise<LoginResult>;
}

/** Returns the logins to example.com over TCP. @param server returns the server of the current test */
export function loginsTo(server: () => { service(transport: Transport): string }): Logins {
  const domain = 'example.com';
  const logIn = (username: string, password: string): Promise<LoginResult> =>
    login({ service: server().service('TCP'), domain, username, password });
  return {
    logIn,
    logInValid: () => {
      const user = newUser();
      return logIn(user, tokenOf(`${user}@${domain}`));
    },
    logInInvalid: () => logIn(newUser(), tokenOf(`mallory@${domain}`)),
  };
}
