import { Authenticator, type Verdict } from '../authenticator.js';
import type { Configuration } from '../config/configuration.js';
import type { Request } from '../protocol/request.js';
import type { ReplayRecord } from '../replay/replay-record.js';

/** What a {@link CurrentAuthenticator} works with. */
export interface CurrentAuthenticatorOptions {
  /** Reads the configuration; throws where it is missing or not good. */
  readonly load: () => Promise<Configuration>;
  /** Opens the record of used tokens that a configuration asks for. */
  readonly openRecord: (configuration: Configuration) => Promise<ReplayRecord>;
  /** @returns milliseconds since the Unix epoch */
  readonly clock: () => number;
  /** Is told that a configuration was taken up. */
  readonly onLoaded: (configuration: Configuration) => void;
  /** Is told why none could be, once for each new reason. */
  readonly onBroken: (error: unknown) => void;
}

/**
 * Decides by the configuration. As long as that is missing or broken every request is refused, and each one looks
 * again: a corrected file is taken up by the next request, and a server that started us never sees us die.
 */
export class CurrentAuthenticator {
  readonly #options: CurrentAuthenticatorOptions;
  #authenticator: Authenticator | undefined;
  #loading: Promise<void> | undefined;
  #lastFault: string | undefined;

  constructor(options: CurrentAuthenticatorOptions) {
    this.#options = options;
  }

  /** @throws where the record of used tokens cannot be asked; the request must then be refused */
  async decide(request: Request): Promise<Verdict> {
    if (this.#authenticator === undefined) await this.load();
    return this.#authenticator?.decide(request) ?? { accepted: false, reason: 'no-configuration' };
  }

  /** Tries to take up the configuration; never throws. Requests that come meanwhile share one attempt. */
  load(): Promise<void> {
    this.#loading ??= this.#tryToLoad().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #tryToLoad(): Promise<void> {
    const { load, openRecord, clock, onLoaded, onBroken } = this.#options;
    try {
      const configuration = await load();
      onLoaded(configuration);
      const { keys } = configuration;
      const replay = await openRecord(configuration);
      this.#authenticator = new Authenticator({ keyOf: (host) => keys.keyOf(host), replay, clock });
    } catch (error) {
      const fault = String(error);
      if (fault !== this.#lastFault) onBroken(error);
      this.#lastFault = fault;
    }
  }
}
