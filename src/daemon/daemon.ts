import { performance } from 'node:perf_hooks';
import { Authenticator } from '../authenticator/authenticator.js';
import type { RequestSink } from '../authenticator/decision.js';
import type { Configuration, Hosts } from '../config/configuration.js';
import { DEFAULT_ANSWER_WITHIN_MILLISECONDS } from '../config/load.js';
import { messageOf } from '../errors.js';
import type { RequestHandler } from '../server/responder.js';
import { findExposure, trustedUsers, withOwnerOf } from '../system/trusted-path.js';
import type { KnownRevocations } from '../users/revocations.js';
import type { KnownUsers } from '../users/seen-users.js';
import { CurrentAuthenticator } from './current-authenticator.js';
import { CurrentLog } from '../log/current-log.js';
import { CurrentMetrics } from '../metrics/current-metrics.js';
import { RequestLog } from '../log/request-log.js';
import type { Log } from '../log/log.js';
import { Measurements } from '../metrics/measurements.js';
import { chooseStore, storeTypeOf, type ReplaySettings } from '../replay/registry.js';
import type { HostPasswords } from './host-passwords.js';
import { openHosts } from './served-hosts.js';
import { Stores } from './stores.js';
import { observeReplayCache, observeRevocations, observeSeenUsers } from './observed-stores.js';

/** Options of {@link Daemon}. */
export interface DaemonOptions {
  /** Reads the configuration; throws if it is missing or invalid. */
  readonly load: () => Promise<Configuration>;
  /** The log target until a configuration sets one. Under a supervisor stderr leads nowhere. */
  readonly standardLog: 'stderr' | 'syslog';
  /** The environment, for the log. */
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  /** Called with the message for the log if a configuration could not be applied. */
  readonly onFault?: (message: string) => void;
}

/** Holds the current configuration, and the stores, log and metrics that it sets up. */
export class Daemon implements RequestHandler {
  readonly log: CurrentLog;
  readonly #options: DaemonOptions;
  readonly #stores: Stores;
  readonly #seenUsers: KnownUsers;
  readonly #revocations: KnownRevocations;
  readonly #measurements = new Measurements();
  readonly #metrics: CurrentMetrics;
  readonly #requestLog: RequestLog;
  readonly #startedAt = Date.now();
  readonly #current: CurrentAuthenticator;
  #configuration: Configuration | undefined;
  #passwords: HostPasswords | undefined;
  #reloads = 0;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.log = new CurrentLog(options.standardLog, options.env);
    this.#stores = createStores(this.log, this.#measurements);
    this.#seenUsers = observeSeenUsers(this.#stores.seenUsers, this.log);
    this.#revocations = observeRevocations(this.#stores.revocations, this.log);
    const [log, measurements] = [this.log, this.#measurements];
    this.#metrics = new CurrentMetrics({ log, measurements, version: options.version });
    this.#requestLog = new RequestLog(this.log);
    this.#current = new CurrentAuthenticator({
      load: options.load,
      apply: (configuration) => this.#apply(configuration),
      onError: (reason, isServing) => {
        const message = isServing
          ? 'configuration reload failed, keeping the previous one'
          : 'no valid configuration; refusing all requests';
        this.log.write('error', `${message}: ${reason}`);
        options.onFault?.(`${message}: ${reason}`);
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

  /** Closes the back ends and the metrics, and flushes the log: synchronously if nothing has to wait. */
  async close(): Promise<void> {
    if (this.#passwords !== undefined) await this.#passwords.close();
    this.#metrics.close();
    this.#requestLog.close();
    await this.log.close();
  }

  /** Loads the code of the back ends only if a configuration needs it. */
  async #openPasswords(hosts: Hosts, replay: ReplaySettings): ReturnType<HostPasswords['open']> {
    if (this.#passwords === undefined) {
      if (hosts.passwords.length === 0) return new Map();
      const { HostPasswords } = await import('./host-passwords.js');
      const { log } = this;
      this.#passwords = new HostPasswords({
        log,
        onRequest: this.#measurements.countBackendRequest,
        lastUses: this.#stores.lastUses,
        openAttemptCounters: async (store) => storeTypeOf(store).openAttemptCounters?.(store),
        env: this.#options.env,
      });
    }
    return this.#passwords.open(hosts, replay);
  }

  async #apply(configuration: Configuration): Promise<Authenticator> {
    const { log } = this;
    // What can fail comes first, so that nothing is applied in part.
    const onWarning = (error: unknown): void => {
      log.write('warning', messageOf(error));
    };
    const known = { seen: this.#seenUsers, revocations: this.#revocations };
    const openPasswords = (hosts: Hosts): ReturnType<HostPasswords['open']> =>
      this.#openPasswords(hosts, configuration.replay);
    const hostOf = await openHosts(configuration.hosts, { ...known, openPasswords, onWarning });
    log.configure(configuration.log);
    this.#requestLog.configure(configuration.log);
    const replay = await this.#stores.cache(configuration.replay);
    if (this.#configuration === undefined) {
      log.write('info', 'started', { version: this.#options.version, configuration: configuration.file });
    }
    warnOfExposures(configuration, log);
    this.#configuration = configuration;
    this.#measurements.setConfiguration(configuration, Date.now());
    this.#metrics.configure(configuration.metrics);
    this.#passwords?.closePrevious();
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
    openRevocations: async (store) => storeTypeOf(store).openRevocations?.(store),
    openLastUses: async (store) => storeTypeOf(store).openLastUses?.(store),
    onWarning: (message) => {
      log.write('warning', message);
    },
    clock: Date.now,
    monotonic: () => performance.now(),
  });
}

/**
 * Warns of each directory or file that lets another user replace a file that was read. Does not refuse the configuration, since
 * that would lock everybody out of a machine that has always been set up that way.
 *
 * A web application may own the file of app passwords that it creates.
 */
function warnOfExposures({ files, programs, appPasswordFiles }: Configuration, log: Log): void {
  const exposures = [...files, ...programs].flatMap(
    (file) => findExposure(file, appPasswordFiles.includes(file) ? withOwnerOf(file) : trustedUsers()) ?? [],
  );
  for (const { message, fix } of new Map(exposures.map((exposure) => [exposure.path, exposure])).values()) {
    log.write('warning', 'configuration file writable by another user', { cause: message, fix });
  }
}
