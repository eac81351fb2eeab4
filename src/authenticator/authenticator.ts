import { checkCredential } from '../credential/check.js';
import { isPrepared } from '../credential/jid/prepare.js';
import { isActiveAt, type NamedKey } from '../credential/key.js';
import { timeStepAt } from '../credential/otp.js';
import type { AuthRequest, IsUserRequest, Request } from '../protocol/request.js';
import type { ReplayCache, TokenUse } from '../replay/replay-cache.js';
import type { UserPolicy } from '../users/user-policy.js';
import { refused, type Decision } from './decision.js';
import type { RefusalReason } from './reasons.js';

/** One host that is served. */
export interface ServedHost {
  /** At least one; a token must be made with one of them. */
  readonly keys: readonly NamedKey[];
  readonly users: UserPolicy;
}

/** What an {@link Authenticator} works with. */
export interface AuthenticatorOptions {
  /** Returns `undefined` if the host is not served. */
  readonly hostOf: (host: string) => ServedHost | undefined;
  readonly replay: ReplayCache;
  /** Returns milliseconds since the Unix epoch. */
  readonly clock: () => number;
}

/** Decides each request by an ordered list of steps. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /**
   * Decides one request.
   *
   * @throws if a store fails; the request must then be refused
   */
  async decide(request: Request): Promise<Decision> {
    if (request.operation === 'malformed') return refused('malformed-request');
    if (request.operation === 'unsupported') return refused('unsupported-operation');
    return request.operation === 'auth'
      ? decide(AUTH_STEPS, { request, ...this.#options })
      : decide(ISUSER_STEPS, { request, ...this.#options });
  }
}

type UserRequest = AuthRequest | IsUserRequest;

/** A request, and what the steps have found so far. */
interface Attempt<R extends UserRequest> extends AuthenticatorOptions {
  readonly request: R;
  host?: ServedHost;
  token?: TokenUse & { readonly key: NamedKey; readonly now: number };
}

type Refusal = RefusalReason | undefined;

/** Returns why a request is refused, or `undefined` to continue with the next step. */
type Step<R extends UserRequest = UserRequest> = (attempt: Attempt<R>) => Refusal | Promise<Refusal>;

const isPreparedName: Step = async ({ request: { user, host } }) =>
  (await isPrepared(user, host)) ? undefined : 'unprepared-name';

const isKnownHost: Step = (attempt) => {
  const host = attempt.hostOf(attempt.request.host);
  if (host === undefined) return 'unknown-host';
  attempt.host = host;
  return undefined;
};

const isValidCredential: Step<AuthRequest> = (attempt) => {
  const { request, clock } = attempt;
  const now = clock();
  const check = checkCredential(found(attempt.host).keys, request.password, request.context.jid, now);
  if (!check.accepted) return check.reason;
  attempt.token = { id: check.id, timeStep: check.timeStep, key: check.key, now };
  return undefined;
};

const isActiveKey: Step<AuthRequest> = ({ token }) => {
  const { key, now } = found(token);
  return isActiveAt(key, now) ? undefined : 'inactive-key';
};

const isPermittedUser: Step<AuthRequest> = ({ host, request }) =>
  found(host).users.refusalOf(request.user, request.host);

const consumeToken: Step<AuthRequest> = async ({ token, replay }) => {
  const { id, timeStep, now } = found(token);
  const result = await replay.consume({ id, timeStep }, timeStepAt(now));
  return result === 'consumed' ? undefined : result;
};

const recordLogin: Step<AuthRequest> = ({ host, request }) => {
  found(host).users.recordLogin(request.user, request.host);
  return undefined;
};

const isExistingUser: Step<IsUserRequest> = async ({ host, request }) => {
  const isUser = await found(host).users.isUser(request.user, request.host);
  if (isUser === true) return undefined;
  return isUser === false ? 'unknown-user' : isUser;
};

/** The steps of a login. The token is consumed after all checks, so that a refused login does not use it up. */
const AUTH_STEPS: readonly Step<AuthRequest>[] = [
  isPreparedName,
  isKnownHost,
  isValidCredential,
  isActiveKey,
  isPermittedUser,
  consumeToken,
  recordLogin,
];

const ISUSER_STEPS: readonly Step<IsUserRequest>[] = [isPreparedName, isKnownHost, isExistingUser];

async function decide<R extends UserRequest>(
  steps: readonly Step<R>[],
  attempt: Attempt<R>,
): Promise<Decision> {
  for (const step of steps) {
    const reason = await step(attempt);
    if (reason !== undefined) return refused(reason, detailsOf(attempt.token));
  }
  return { outcome: 'accepted', ...detailsOf(attempt.token) };
}

function detailsOf(token: Attempt<UserRequest>['token']): { key?: string; offset?: number } {
  return token === undefined ? {} : { key: token.key.id, offset: token.timeStep - timeStepAt(token.now) };
}

/** Returns what an earlier step has found. Throws, so that the request is refused, if the list lacks that step. */
function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('expected an earlier step to find this');
  return value;
}
