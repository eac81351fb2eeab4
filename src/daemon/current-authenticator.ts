import { refused, type Authenticator, type Decision } from '../authenticator/authenticator.js';
import type { Configuration } from '../config/configuration.js';
import { messageOf } from '../errors.js';
import type { Request } from '../protocol/request.js';

/** What a {@link CurrentAuthenticator} works with. */
export interface CurrentAuthenticatorOptions {
  /** Reads the configuration; throws where it is missing or not good. */
  readonly load: () => Promise<Configuration>;
  /** Takes up a configuration, or throws and leaves everything as it was. */
  readonly takeUp: (configuration: Configuration) => Promise<Authenticator>;
  /** Is told why a configuration could not be taken up: once for each new reason, and at each {@link CurrentAuthenticator.reload}. */
  readonly onError: (reason: string, isServing: boolean) => void;
}

/**
 * Decides by the configuration. As long as that is missing or broken every request is refused, and each one looks
 * again: a corrected file is taken up by the next request, and a server that started us never sees us die. Once there was a
 * good one, it goes on until a better one is taken up.
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

  /** Rejects where the replay cache cannot be asked; the request must then be refused. */
  decide(request: Request): Promise<Decision> {
    return this.#authenticator?.decide(request) ?? this.#loadAndDecide(request);
  }

  /**
   * Tries to apply the configuration; never throws. Requests that come meanwhile share one attempt.
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
   * Takes up the configuration as it is now, between two requests. An attempt that is under way may have read it too early, so
   * there is another behind it.
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
    const { load, takeUp, onError } = this.#options;
    try {
      this.#authenticator = await takeUp(await load());
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
