import { checkCredential } from '../credential/check.js';
import { isPrepared } from '../credential/jid/prepare.js';
import { isActiveAt, type NamedKey } from '../credential/key.js';
import { timeStepAt } from '../credential/otp.js';
import type { AnswerDetails } from '../protocol/protocol.js';
import type { AuthRequest, IsUserRequest } from '../protocol/request.js';
import type { BackendName } from '../passwords/backend.js';
import type { Passwords } from '../passwords/passwords.js';
import type { ReplayCache, TokenUse } from '../replay/replay-cache.js';
import type { UserPolicy } from '../users/user-policy.js';
import { refused, type Decision, type Details } from './decision.js';
import type { RefusalReason } from './reasons.js';

/** One host that is served. */
export interface ServedHost {
  /** At least one; a token must be made with one of them. */
  readonly keys: readonly NamedKey[];
  readonly users: UserPolicy;
  /** Checks credentials that are not tokens; `undefined` if only tokens are accepted. */
  readonly passwords?: Passwords | undefined;
}

/** What the steps use. */
export interface Dependencies {
  /** Returns `undefined` if the host is not served. */
  readonly hostOf: (host: string) => ServedHost | undefined;
  readonly replay: ReplayCache;
  /** Returns milliseconds since the Unix epoch. */
  readonly clock: () => number;
}

type UserRequest = AuthRequest | IsUserRequest;

/** A request, and what the steps have found so far. */
interface Attempt<R extends UserRequest> {
  readonly request: R;
  readonly dependencies: Dependencies;
  servedHost: ServedHost | undefined;
  token: (TokenUse & { readonly key: NamedKey; readonly now: number }) | undefined;
  /** Whether the token has been consumed, or the password is right. */
  isAuthenticated: true | undefined;
  /** The back end that decided about the password. */
  backend: BackendName | undefined;
  details: AnswerDetails | undefined;
}

type Refusal = RefusalReason | undefined;

/** Returns why a request is refused, or `undefined` to continue with the next step. */
type Step<R extends UserRequest = UserRequest> = (attempt: Attempt<R>) => Refusal | Promise<Refusal>;

const requirePreparedName: Step = async ({ request: { user, host } }) =>
  (await isPrepared(user, host)) ? undefined : 'unprepared-name';

const requireServedHost: Step = (attempt) => {
  attempt.servedHost = attempt.dependencies.hostOf(attempt.request.host);
  return attempt.servedHost === undefined ? 'unknown-host' : undefined;
};

const requireValidToken: Step<AuthRequest> = (attempt) => {
  const { servedHost, request, dependencies } = attempt;
  const now = dependencies.clock();
  const check = checkCredential(found(servedHost).keys, request.password, request.context.jid, now);
  if (!check.accepted) return check.reason;
  attempt.token = { id: check.id, timeStep: check.timeStep, key: check.key, now };
  return undefined;
};

const requireActiveKey: Step<AuthRequest> = ({ token }) => {
  const { key, now } = found(token);
  return isActiveAt(key, now) ? undefined : 'inactive-key';
};

const requirePermittedUser: Step = ({ servedHost, request }) =>
  found(servedHost).users.refusalOf(request.user, request.host);

const consumeToken: Step<AuthRequest> = async (attempt) => {
  const { id, timeStep, now } = found(attempt.token);
  const result = await attempt.dependencies.replay.consume({ id, timeStep }, timeStepAt(now));
  if (result !== 'consumed') return result;
  attempt.isAuthenticated = true;
  return undefined;
};

const requireValidPassword: Step<AuthRequest> = async (attempt) => {
  const { servedHost, request } = attempt;
  const { user, host, password, context } = request;
  const outcome = await found(found(servedHost).passwords).verify({ user, host, password }, context.client);
  attempt.backend = outcome.backend;
  if (outcome.refusal !== undefined) return outcome.refusal;
  attempt.isAuthenticated = true;
  return undefined;
};

const recordLogin: Step<AuthRequest> = ({ servedHost, request }) => {
  found(servedHost).users.recordLogin(request.user, request.host);
  return undefined;
};

const requireExistingUser: Step<IsUserRequest> = async (attempt) => {
  const { user, host } = attempt.request;
  const policy = found(attempt.servedHost).users;
  const isUser = await policy.isUser(user, host);
  if (isUser !== true) return isUser === false ? 'unknown-user' : isUser;
  const pending = policy.revokedAt(user, host);
  const revokedAt = pending instanceof Promise ? await pending : pending;
  // After a reload that changed the store, for example. Without the time, the server would accept what it issued before that.
  if (typeof revokedAt === 'string') return revokedAt;
  if (revokedAt !== undefined) attempt.details = { revokedAt };
  return undefined;
};

/** The steps of a login with a token. It is consumed after all checks, so that a refused login does not use it up. */
export const TOKEN_STEPS: readonly Step<AuthRequest>[] = [
  requirePreparedName,
  requireServedHost,
  requireValidToken,
  requireActiveKey,
  requirePermittedUser,
  consumeToken,
  recordLogin,
];

/** The steps of a login with a password. Who is blocked or unlisted is told only to those who know the password. */
export const PASSWORD_STEPS: readonly Step<AuthRequest>[] = [
  requirePreparedName,
  requireServedHost,
  requireValidPassword,
  requirePermittedUser,
  recordLogin,
];

/** The steps of the question whether a user exists. */
export const ISUSER_STEPS: readonly Step<IsUserRequest>[] = [
  requirePreparedName,
  requireServedHost,
  requirePermittedUser,
  requireExistingUser,
];

/** Runs steps in order, until one refuses the request. */
export async function runSteps<R extends UserRequest>(
  steps: readonly Step<R>[],
  request: R,
  dependencies: Dependencies,
): Promise<Decision> {
  const attempt: Attempt<R> = {
    request,
    dependencies,
    servedHost: undefined,
    token: undefined,
    backend: undefined,
    isAuthenticated: undefined,
    details: undefined,
  };
  for (const step of steps) {
    const pending = step(attempt);
    // Most steps decide at once; awaiting those would cost a tenth of the request.
    const reason = pending instanceof Promise ? await pending : pending;
    if (reason !== undefined) return refused(reason, detailsOf(attempt));
  }
  // Whatever the list contains, no login is accepted without a consumed token or a right password.
  if (request.operation === 'auth') found(attempt.isAuthenticated);
  const { key, offset, backend } = detailsOf(attempt);
  return { outcome: 'accepted', key, offset, backend, details: attempt.details };
}

function detailsOf({ token, backend }: Attempt<UserRequest>): Details {
  if (token === undefined) return { backend };
  return { key: token.key.id, offset: token.timeStep - timeStepAt(token.now) };
}

/** Returns what an earlier step has found. Throws, so that the request is refused, if the list lacks that step. */
function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('expected an earlier step to find this');
  return value;
}
