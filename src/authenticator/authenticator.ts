import type { Request } from '../protocol/request.js';
import { refused, type Decision } from './decision.js';
import { AUTH_STEPS, ISUSER_STEPS, runSteps, type Dependencies } from './steps.js';
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
        return runSteps(AUTH_STEPS, request, this.#dependencies);
      case 'isuser':
        return runSteps(ISUSER_STEPS, request, this.#dependencies);
      case 'recheck':
        return recheckUsers(request, this.#dependencies);
      case 'list':
        return listUsers(request, this.#dependencies);
    }
  }
}
