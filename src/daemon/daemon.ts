import { performance } from 'node:perf_hooks';
import { Authenticator } from '../authenticator/authenticator.js';
import type { RequestSink } from '../authenticator/decision.js';
import type { Configuration } from '../config/configuration.js';
import { DEFAULT_ANSWER_WITHIN_MILLISECONDS } from '../config/load.js';
import { messageOf } from '../errors.js';
import type { RequestHandler } from '../server/responder.js';
import type { KnownUsers } from '../users/seen-users.js';
import { CurrentAuthenticator } from './current-authenticator.js';
import { CurrentLog } from '../log/current-log.js';
import { CurrentMetrics } from '../metrics/current-metrics.js';
import { RequestLog } from '../log/request-log.js';
import type { Log } from '../log/log.js';
import { Measurements } from '../metrics/measurements.js';
import { chooseStore, storeTypeOf } from '../replay/registry.js';
import { openHosts } from './served-hosts.js';
import { Stores } from './stores.js';
import { warnOfExposures } from './warn-of-exposures.js';
import { observeReplayCache, observeSeenUsers } from './observed-stores.js';

/** What {@link Service} works with. */
export interface ServiceOptions {
  /** Reads the configuration; throws if it is missing or invalid. */
  readonly load: () => Promise<Configuration>;
  /** The log target until a configuration sets one. Under a supervisor stderr leads nowhere. */
  readonly standardLog: 'stderr' | 'syslog';
  readonly version: string;
}

/** The daemon behind the answers: the current configuration, and the stores, log and metrics that it sets up. */
export class Service implements RequestHandler {
  readonly log: CurrentLog;
  readonly #options: ServiceOptions;
  readonly #stores: Stores;
  readonly #seenUsers: KnownUsers;
  readonly #measurements = new Measurements();
  readonly #metrics: CurrentMetrics;
  readonly #requestLog: RequestLog;
  readonly #startedAt = Date.now();
  readonly #current: CurrentAuthenticator;
  #configuration: Configuration | undefined;
  #reloads = 0;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.log = new CurrentLog(options.standardLog);
    this.#stores = createStores(this.log, this.#measurements);
    this.#seenUsers = observeSeenUsers(this.#stores.seenUsers, this.log);
    this.#metrics = new CurrentMetrics({
      log: this.log,
      measurements: this.#measurements,
      version: options.version,
    });
    this.#requestLog = new RequestLog(this.log);
    this.#current = new CurrentAuthenticator({
      load: options.load,
      apply: (configuration) => this.#apply(configuration),
      onError: (reason, isServing) => {
        const message = isServing
          ? 'configuration reload failed, keeping the previous one'
          : 'no valid configuration; refusing all requests';
        this.log.write('error', `${message}: ${reason}`);
      },
    });
  }

  /** Tries to apply the configuration; if that fails, every request tries again. Never throws. */
  async start(): Promise<void> {
    await this.#current.load();
  }

  readonly decide: RequestHandler['decide'] = (request) => this.#current.decide(request);

  readonly onCompleted: RequestSink = (completed) => {
    this.#measurements.countRequest(completed);
    this.#requestLog.write(completed);
  };

  readonly answerWithin = (): number =>
    this.#configuration?.answerWithin ?? DEFAULT_ANSWER_WITHIN_MILLISECONDS;

  /** The files of the secrets in use. */
  get files(): readonly string[] {
    return this.#configuration?.secretFiles ?? [];
  }

  /**
   * Applies the configuration as it is now. Never throws.
   *
   * @returns why it was not applied, so that the previous one stays; `undefined` if it was
   */
  async reload(): Promise<string | undefined> {
    const fault = await this.#current.reload();
    this.#measurements.countReload(fault === undefined);
    if (fault !== undefined) return fault;
    this.#reloads += 1;
    this.log.write('info', 'configuration reloaded', { configuration: this.#configuration?.file ?? '' });
    return undefined;
  }

  /** Writes a summary to the log. */
  summarize(): void {
    this.log.write('info', 'summary', {
      configuration: this.#configuration?.file ?? '(none valid)',
      version: this.#options.version,
      up_seconds: Math.round((Date.now() - this.#startedAt) / 1000),
      ...this.#measurements.outcomes,
      reloads: this.#reloads,
      memory_mb: Math.round(process.memoryUsage.rss() / 1_000_000),
    });
  }

  /** Closes the metrics and flushes the log: synchronously as far as that needs no waiting. */
  async close(): Promise<void> {
    this.#metrics.close();
    this.#requestLog.close();
    await this.log.close();
  }

  async #apply(configuration: Configuration): Promise<Authenticator> {
    const { log } = this;
    // What can fail comes first, so that nothing is applied in part.
    const onWarning = (error: unknown): void => {
      log.write('warning', messageOf(error));
    };
    const hostOf = await openHosts(configuration.hosts, { seen: this.#seenUsers, onWarning });
    log.configure(configuration.log);
    const replay = await this.#stores.cache(configuration.replay);
    if (this.#configuration === undefined) {
      log.write('info', 'started', { version: this.#options.version, configuration: configuration.file });
    }
    warnOfExposures(configuration.files, log);
    this.#configuration = configuration;
    this.#measurements.setConfiguration(configuration, Date.now());
    this.#metrics.configure(configuration.metrics);
    return new Authenticator({ hostOf, replay, clock: Date.now });
  }
}

function createStores(log: Log, measurements: Measurements): Stores {
  return new Stores({
    choose: (settings) =>
      chooseStore(settings, (reason) => {
        log.write('warning', `replay cache is in memory only: ${reason}`);
      }),
    openReplayCache: async (store) => {
      const cache = await storeTypeOf(store).openReplayCache(store, (message) => {
        log.write('warning', message);
      });
      return observeReplayCache(cache, log, measurements.setStore(store.kind, cache));
    },
    openSeenUsers: async (store) => storeTypeOf(store).openSeenUsers(store),
    clock: Date.now,
    monotonic: () => performance.now(),
  });
}
