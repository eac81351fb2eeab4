import { checkCredential } from './credential/check.js';
import type { CredentialRefusal } from './credential/credential-check.js';
import type { CredentialKey } from './credential/key.js';
import { stepAt } from './credential/otp.js';
import type { Request } from './protocol/request.js';
import type { ReplayRecord } from './replay/replay-record.js';

/** Why a request was refused. */
export type Refusal =
  | CredentialRefusal
  /** The token was used before. */
  | 'replayed'
  /** Whether the token was used before cannot be told. */
  | 'before-horizon'
  /** The record of used tokens cannot be asked; the log says why. */
  | 'record-unavailable'
  /** The host is not one of those in the configuration. */
  | 'unknown-host'
  /** `setpass` and the like: there are no accounts to change here. */
  | 'unsupported-operation'
  | 'malformed-request'
  /** There is no good configuration to decide by. */
  | 'no-configuration';

/** The answer to a request, with what the log says of it. */
export type Verdict =
  | { readonly accepted: true; readonly jid: string }
  | { readonly accepted: false; readonly reason: Refusal; readonly jid?: string };

/** What decides: who is served, with which key, and what was used before. */
export interface AuthenticatorOptions {
  /** @returns the key of a host, or `undefined` where the host is not served */
  readonly keyOf: (host: string) => CredentialKey | undefined;
  readonly replay: ReplayRecord;
  /** @returns milliseconds since the Unix epoch */
  readonly clock: () => number;
}

/** Turns requests into verdicts. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /**
   * Decides one request.
   *
   * @throws where the record of used tokens cannot be asked; the request must then be refused
   */
  async decide(request: Request): Promise<Verdict> {
    if (request.operation === 'malformed') return { accepted: false, reason: 'malformed-request' };
    if (request.operation === 'unsupported') return { accepted: false, reason: 'unsupported-operation' };
    const jid = `${request.user}@${request.host}`;
    const key = this.#options.keyOf(request.host);
    if (key === undefined) return { accepted: false, reason: 'unknown-host', jid };
    // As with mod_auth_token, every name is a user: the application says who is one by signing.
    if (request.operation === 'isuser') return { accepted: true, jid };
    return this.#authenticate(key, request.password, jid);
  }

  async #authenticate(key: CredentialKey, password: string, jid: string): Promise<Verdict> {
    const { replay, clock } = this.#options;
    const now = clock();
    const check = checkCredential(key, password, jid, now);
    if (!check.accepted) return { accepted: false, reason: check.reason, jid };
    const claim = await replay.claim(check, stepAt(now));
    return claim === 'claimed' ? { accepted: true, jid } : { accepted: false, reason: claim, jid };
  }
}
