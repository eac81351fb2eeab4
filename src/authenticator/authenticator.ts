import { checkCredential } from '../credential/check.js';
import type { CredentialRefusal } from '../credential/check.js';
import { isPrepared } from '../credential/jid/prepare.js';
import { isActiveAt, type NamedKey } from '../credential/key.js';
import { timeStepAt } from '../credential/otp.js';
import type { Request } from '../protocol/request.js';
import type { ReplayCache } from '../replay/replay-cache.js';
import type { UserPolicy, UserRefusal } from '../users/user-policy.js';

/** Why a request was refused. */
export type RefusalReason =
  | CredentialRefusal
  | UserRefusal
  /** `isuser`: nobody of this name is a user. */
  | 'unknown-user'
  /** The token was made with a key that is not good yet, or no more (`not_before`, `not_after`). */
  | 'inactive-key'
  /** The token was used before. */
  | 'replayed'
  /** Whether the token was used before cannot be told. */
  | 'replay-unknown'
  /** The record of used tokens, or for `isuser` that of users, cannot be asked; the log says why. */
  | 'replay-cache-unavailable'
  /** The user or the host is not spelled as a server sends it: `Alice` instead of `alice`. */
  | 'unprepared-name'
  /** The host is not one of those in the configuration. */
  | 'unknown-host'
  /** `setpass` and the like: there are no accounts to change here. */
  | 'unsupported-operation'
  | 'malformed-request'
  /** There is no good configuration to decide by. */
  | 'no-configuration';

/** The answer to a request, with what the log says of it. */
export type Decision =
  | { readonly accepted: true; readonly reason?: undefined; readonly context: RequestContext }
  | { readonly accepted: false; readonly reason: RefusalReason; readonly context: RequestContext };

/** Whom a request was about, and what is known of the token that came with it. */
export interface RequestContext {
  readonly jid?: string;
  readonly host?: string;
  /** The id of the key that the token was made with; only of tokens that are rightly signed. */
  readonly key?: string;
  /** From which step the token is, seen from the present one: -1, 0 or 1. */
  readonly offset?: number;
}

/** Of a request that says nothing, or of which nothing is known. */
export const NOTHING_KNOWN: RequestContext = {};

/** One host, as it is served. */
export interface ServedHost {
  /** At least one: a token must be made with one of them. */
  readonly keys: readonly NamedKey[];
  readonly users: UserPolicy;
}

/** What decides: who is served, with which keys, and what was used before. */
export interface AuthenticatorOptions {
  /** @returns `undefined` where the host is not served */
  readonly hostOf: (host: string) => ServedHost | undefined;
  readonly replay: ReplayCache;
  /** @returns milliseconds since the Unix epoch */
  readonly clock: () => number;
}

type AuthRequest = Extract<Request, { operation: 'auth' }>;

/** Turns requests into verdicts. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /**
   * Decides one request.
   *
   * @throws where the replay cache, or of users, cannot be asked; the request must then be refused
   */
  async decide(request: Request): Promise<Decision> {
    if (request.operation === 'malformed') return refused('malformed-request');
    if (request.operation === 'unsupported') return refused('unsupported-operation');
    const { user, host } = request;
    const jid = `${user}@${host}`;
    if (!(await isPrepared(user, host))) return refused('unprepared-name', { jid, host });
    const served = this.#options.hostOf(host);
    if (served === undefined) return refused('unknown-host', { jid, host });
    if (request.operation === 'auth') return this.#authenticate(served, request, jid);
    const isUser = await served.users.isUser(user, host);
    if (isUser === true) return { accepted: true, context: { jid, host } };
    return refused(isUser === false ? 'unknown-user' : isUser, { jid, host });
  }

  async #authenticate(
    { keys, users }: ServedHost,
    { user, host, password }: AuthRequest,
    jid: string,
  ): Promise<Decision> {
    const { replay, clock } = this.#options;
    const now = clock();
    const check = checkCredential(keys, password, jid, now);
    if (!check.accepted) return refused(check.reason, { jid, host });
    const { key, timeStep, id } = check;
    const context = { jid, host, key: key.id, offset: timeStep - timeStepAt(now) };
    if (!isActiveAt(key, now)) return refused('inactive-key', context);
    const refusal = await users.refusalOf(user, host);
    if (refusal !== undefined) return refused(refusal, context);
    // Last of all: who is refused has not used up the token.
    const consume = await replay.consume({ id, timeStep }, timeStepAt(now));
    if (consume !== 'consumed') return refused(consume, context);
    users.recordLogin(user, host);
    return { accepted: true, context };
  }
}

/** @returns the verdict that refuses a request */
export function refused(reason: RefusalReason, context: RequestContext = NOTHING_KNOWN): Decision {
  return { accepted: false, reason, context };
}
