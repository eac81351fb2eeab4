import { performance } from 'node:perf_hooks';
import { messageOf } from '../errors.js';
import type { BackendName, PasswordBackend, PasswordLogin, PasswordResult, PasswordUser } from './backend.js';
import { networkOf } from './throttle/client-network.js';
import type { Throttle } from './throttle/throttle.js';

/** Why a password is refused. */
export type PasswordRefusal =
  'wrong-password' | 'password-backend-unavailable' | 'throttled' | 'blocked-user';

/** The result of checking a password. */
export interface PasswordOutcome {
  /** `undefined` if the password is right. */
  readonly refusal: PasswordRefusal | undefined;
  /** The back end that decided, if one did. */
  readonly backend?: BackendName | undefined;
}

/** One request to a back end, for the log and the metrics. */
export interface BackendRequest {
  readonly backend: BackendName;
  readonly operation: 'auth' | 'isuser';
  readonly result: PasswordResult | 'unavailable';
  /** Why it is unavailable; never a password. */
  readonly cause?: string | undefined;
  readonly milliseconds: number;
}

/** Checks the passwords of some hosts, as a login needs it. */
export interface Passwords {
  /**
   * Checks a password, if the user and the client have not tried too many.
   *
   * @param client the IP address of the chat client, if it is known
   */
  verify(login: PasswordLogin, client: string | undefined): Promise<PasswordOutcome>;
  /** Returns whether any back end knows a user. */
  isUser(user: PasswordUser): Promise<boolean | 'password-backend-unavailable'>;
}

/**
 * How many password checks can be in progress in a process. Fewer than the requests that can be unanswered (MAX_EXTRA_REQUESTS), so
 * that a hanging back end leaves places for tokens.
 */
export const MAX_CHECKS = 64;

/**
 * Counts the checks in progress of a process. An origin can have as many as then remain for others: up to 32, and fewer if others have
 * some as well. So no client can use up all places with passwords that take long.
 */
export class ChecksInProgress {
  readonly #counts = new Map<string, number>();
  #total = 0;

  /** Runs a check, unless too many are in progress. @param origin what causes it @returns `undefined` then */
  async run<T>(origin: string, check: () => Promise<T>): Promise<T | undefined> {
    const own = this.#counts.get(origin) ?? 0;
    if (own >= MAX_CHECKS - this.#total) return undefined;
    this.#add(origin, 1);
    try {
      return await check();
    } finally {
      this.#add(origin, -1);
    }
  }

  #add(origin: string, difference: 1 | -1): void {
    const count = (this.#counts.get(origin) ?? 0) + difference;
    if (count === 0) this.#counts.delete(origin);
    else this.#counts.set(origin, count);
    this.#total += difference;
  }
}

/** Options of {@link createPasswords}. */
export interface PasswordsOptions {
  /** In the order in which they are asked. */
  readonly backends: readonly PasswordBackend[];
  readonly throttle: Throttle;
  /** How long a check may take with all back ends, in milliseconds. */
  readonly timeout: number;
  /** Shared by all hosts. */
  readonly inProgress: ChecksInProgress;
  readonly onRequest: (request: BackendRequest) => void;
}

/** The origin of all questions about users, which strangers can cause by sending messages. */
const ISUSER = 'isuser';
const TOO_MANY = `${MAX_CHECKS} passwords are being checked already, or ${MAX_CHECKS / 2} from one client. The back ends are too slow for so many logins`;

/** Creates what checks passwords with some back ends. */
export function createPasswords(options: PasswordsOptions): Passwords {
  const { throttle, inProgress } = options;
  return {
    verify: async (login, client) => {
      // Some directories accept an empty password as an anonymous login (RFC 4513, section 5.1.2).
      if (login.password === '') return { refusal: 'wrong-password' };
      const jid = `${login.user}@${login.host}`;
      const origin = client === undefined ? jid : networkOf(client);
      const admission = await throttle.admit(jid, client);
      // Throttled attempts don't count as checks in progress, so that attackers can't use up the limit.
      if (admission === undefined) return { refusal: 'throttled' };
      const { outcome, isRefused } = (await inProgress.run(origin, () => verify(login, origin, options))) ?? {
        outcome: { refusal: refuseAtOnce('auth', options) },
        isRefused: false,
      };
      if (outcome.refusal === undefined) admission.succeeded();
      else if (!isRefused) admission.release();
      return outcome;
    },
    isUser: async (user) => {
      const known = await inProgress.run(ISUSER, () => isUser(user, options));
      return known ?? refuseAtOnce('isuser', options);
    },
  };
}

function refuseAtOnce(
  operation: BackendRequest['operation'],
  { backends: [first], onRequest }: PasswordsOptions,
): 'password-backend-unavailable' {
  if (first !== undefined) {
    onRequest({ backend: first.name, operation, result: 'unavailable', cause: TOO_MANY, milliseconds: 0 });
  }
  return 'password-backend-unavailable';
}

interface Check {
  readonly outcome: PasswordOutcome;
  /** Whether a back end refused the password. It then counts as wrong, also if another back end could not tell. */
  readonly isRefused: boolean;
}

async function verify(login: PasswordLogin, origin: string, options: PasswordsOptions): Promise<Check> {
  const signal = AbortSignal.timeout(options.timeout);
  let [isUnavailable, isRefused] = [false, false];
  for (const backend of options.backends) {
    const { name } = backend;
    const result = await ask(name, 'auth', options, signal, () => backend.verify(login, signal, origin));
    if (result === 'accepted') return { outcome: { refusal: undefined, backend: name }, isRefused };
    // Counts, because an application that confuses 403 with 401 would otherwise answer any number of guesses.
    if (result === 'disabled')
      return { outcome: { refusal: 'blocked-user', backend: name }, isRefused: true };
    if (result === 'wrong') isRefused = true;
    else isUnavailable = true;
  }
  return {
    outcome: { refusal: isUnavailable ? 'password-backend-unavailable' : 'wrong-password' },
    isRefused,
  };
}

async function isUser(
  user: PasswordUser,
  options: PasswordsOptions,
): Promise<boolean | 'password-backend-unavailable'> {
  const signal = AbortSignal.timeout(options.timeout);
  let isUnavailable = false;
  for (const backend of options.backends) {
    const result = await ask(backend.name, 'isuser', options, signal, async () =>
      (await backend.isUser(user, signal, ISUSER)) ? 'accepted' : 'wrong',
    );
    if (result === 'accepted') return true;
    isUnavailable ||= result === 'unavailable';
  }
  return isUnavailable ? 'password-backend-unavailable' : false;
}

interface Answer {
  readonly result: BackendRequest['result'];
  readonly cause?: string;
}

/** Returns the answer of a back end; `unavailable` at the latest when the signal is aborted. */
async function ask(
  backend: BackendName,
  operation: BackendRequest['operation'],
  { timeout, onRequest }: PasswordsOptions,
  signal: AbortSignal,
  request: () => Promise<PasswordResult>,
): Promise<Answer['result']> {
  const start = performance.now();
  const { result, cause } = await attempt(request, signal, timeout);
  onRequest({ backend, operation, result, cause, milliseconds: performance.now() - start });
  return result;
}

async function attempt(
  request: () => Promise<PasswordResult>,
  signal: AbortSignal,
  timeout: number,
): Promise<Answer> {
  const expired = `no answer within ${timeout / 1000} s, the timeout of passwords`;
  if (signal.aborted) return { result: 'unavailable', cause: `not asked: ${expired}` };
  const aborted = new Promise<Answer>((resolve) => {
    signal.addEventListener('abort', () => {
      // A back end that knows what it was waiting for fails before that.
      setImmediate(resolve, { result: 'unavailable', cause: expired });
    });
  });
  const answered = request().then(
    (result): Answer => ({ result }),
    (error: unknown): Answer => ({ result: 'unavailable', cause: causeOf(error) }),
  );
  return Promise.race([answered, aborted]);
}

/** Returns the message of a `PasswordBackendError`, of which each bundle has its own. The messages of other errors may contain a password. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unexpected error';
  return error.name === 'PasswordBackendError' ? messageOf(error) : `unexpected error (${error.name})`;
}
