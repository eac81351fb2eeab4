import type { Authenticator } from '../authenticator/authenticator.js';
import { refused, type Decision } from '../authenticator/decision.js';
import type { Configuration } from '../config/configuration.js';
import { messageOf } from '../errors.js';
import type { Request } from '../protocol/request.js';

/** Options of {@link CurrentAuthenticator}. */
export interface CurrentAuthenticatorOptions {
  /** Reads the configuration; throws if it is missing or invalid. */
  readonly load: () => Promise<Configuration>;
  /** Applies a configuration; throws, and changes nothing, if that fails. */
  readonly apply: (configuration: Configuration) => Promise<Authenticator>;
  /** Called if a configuration could not be applied: once for each new reason, and at each {@link CurrentAuthenticator.reload}. */
  readonly onError: (reason: string, isServing: boolean) => void;
}

/**
 * Holds the authenticator for the current configuration. Until a valid configuration has been loaded, refuses every request
 * and retries the load on each one, so that a corrected file takes effect without a restart.
 */
export class CurrentAuthenticator {
  readonly #options: CurrentAuthenticatorOptions;
  #authenticator: Authenticator | undefined;
  #loading: Promise<string | undefined> | undefined;
  #reloading: Promise<string | undefined> = Promise.resolve(undefined);
  #lastFault: string | undefined;

  constructor(options: CurrentAuthenticatorOptions) {
    this.#options = options;
  }

  /** Decides one request. Rejects if a store fails; the request must then be refused. */
  decide(request: Request): Promise<Decision> {
    return this.#authenticator?.decide(request) ?? this.#loadAndDecide(request);
  }

  /**
   * Tries to apply the configuration; never throws. Concurrent requests share one attempt.
   *
   * @returns why it was not applied; `undefined` if it was
   */
  load(): Promise<string | undefined> {
    this.#loading ??= this.#tryToLoad().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  /**
   * Applies the configuration as it is now. First waits for an attempt in progress, which may have read an older file.
   *
   * @returns why it was not applied, so that the previous one stays; `undefined` if it was
   */
  reload(): Promise<string | undefined> {
    this.#reloading = this.#reloading
      .then(() => this.#loading)
      .then(() => {
        this.#lastFault = undefined;
        return this.load();
      });
    return this.#reloading;
  }

  async #loadAndDecide(request: Request): Promise<Decision> {
    await this.load();
    return this.#authenticator?.decide(request) ?? refused('no-configuration');
  }

  async #tryToLoad(): Promise<string | undefined> {
    const { load, apply, onError } = this.#options;
    try {
      this.#authenticator = await apply(await load());
      this.#lastFault = undefined;
      return undefined;
    } catch (error) {
      const fault = messageOf(error);
      if (fault !== this.#lastFault) onError(fault, this.#authenticator !== undefined);
      this.#lastFault = fault;
      return fault;
    }
  }
}
