import { openBackend } from '../../../passwords/open-backend.js';
import type { PasswordBackend } from '../../../passwords/backend.js';
import type { BackendRequest, Passwords } from '../../../passwords/passwords.js';
import type { PasswordSettings } from '../../../passwords/settings.js';
import { nameOfThisUser } from '../../../system/accounts.js';
import { observe, type ObservedPasswords } from '../passwords/ask.js';
import { formatMilliseconds } from '../passwords/trial.js';

/** The back ends of a host, which this process asks itself to explain an answer. */
export class AskedBackends {
  readonly #backends: readonly PasswordBackend[];
  readonly #observed: ObservedPasswords;

  private constructor(backends: readonly PasswordBackend[], timeout: number) {
    this.#backends = backends;
    this.#observed = observe(backends, timeout);
  }

  /** Opens the back ends. */
  static async open({ backends, timeout }: PasswordSettings): Promise<AskedBackends> {
    const options = { env: process.env, onUsed: () => undefined, onWarning: () => undefined };
    const opened = await Promise.all(backends.map((settings) => openBackend(settings, options)));
    return new AskedBackends(opened, timeout);
  }

  get passwords(): Passwords {
    return this.#observed.passwords;
  }

  /** Describes what each back end said, in their order. */
  describe(): string {
    const { requests } = this.#observed;
    return this.#backends.map(({ name }, index) => `${name}: ${describeRequest(requests[index])}`).join('; ');
  }

  /** Returns a sentence about how they were asked; `undefined` if none was. */
  remark(): string | undefined {
    if (this.#observed.requests.length === 0) return undefined;
    return `This command, as user ${nameOfThisUser()}, has asked the back ends of [passwords] itself, without counting for [passwords.limits]: ${this.describe()}.`;
  }

  async close(): Promise<void> {
    await Promise.all(this.#backends.map((backend) => backend.close()));
  }
}

const RESULTS = {
  auth: { accepted: 'accepts the password', wrong: 'wrong password', disabled: 'the account is disabled' },
  isuser: {
    accepted: 'knows the user',
    wrong: 'does not know the user',
    disabled: 'the account is disabled',
  },
} as const;

function describeRequest(request: BackendRequest | undefined): string {
  if (request === undefined) return 'not asked';
  const { operation, result, cause = '', milliseconds } = request;
  const found = result === 'unavailable' ? `no answer (${cause})` : RESULTS[operation][result];
  return `${found}, in ${formatMilliseconds(milliseconds)}`;
}
