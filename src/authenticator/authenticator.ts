import { looksLikeToken } from '../credential/token.js';
import type { AuthRequest, Request } from '../protocol/request.js';
import { refused, type Decision } from './decision.js';
import { ISUSER_STEPS, PASSWORD_STEPS, runSteps, TOKEN_STEPS, type Dependencies } from './steps.js';
import { listUsers, recheckUsers } from './users-of-host.js';

/** Decides each request by an ordered list of steps. */
export class Authenticator {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Decides one request.
   *
   * @throws if a store fails; the request must then be refused
   */
  async decide(request: Request): Promise<Decision> {
    switch (request.operation) {
      case 'malformed':
        return refused('malformed-request', { cause: request.fault });
      case 'unsupported':
        return refused('unsupported-operation');
      case 'auth':
        return runSteps(
          this.#isPassword(request) ? PASSWORD_STEPS : TOKEN_STEPS,
          request,
          this.#dependencies,
        );
      case 'isuser':
        return runSteps(ISUSER_STEPS, request, this.#dependencies);
      case 'recheck':
        return recheckUsers(request, this.#dependencies);
      case 'list':
        return listUsers(request, this.#dependencies);
    }
  }

  /** Returns whether a credential goes to the password back ends. A token never does, not even a damaged one. */
  #isPassword({ host, password }: AuthRequest): boolean {
    return this.#dependencies.hostOf(host)?.passwords !== undefined && !looksLikeToken(password);
  }
}
