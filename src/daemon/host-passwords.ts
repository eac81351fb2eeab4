import { performance } from 'node:perf_hooks';
import { isDeepStrictEqual } from 'node:util';
import type { Hosts } from '../config/configuration.js';
import type { Log } from '../log/log.js';
import type { PasswordBackend } from '../passwords/backend.js';
import { createUseRecorder, type LastUses } from '../passwords/app-passwords/last-uses.js';
import { openBackend, type BackendOptions } from '../passwords/open-backend.js';
import {
  ChecksInProgress,
  createPasswords,
  type BackendRequest,
  type Passwords,
} from '../passwords/passwords.js';
import type { PasswordSettings, ThrottleSettings } from '../passwords/settings.js';
import type { AttemptCounters } from '../passwords/throttle/attempt-counters.js';
import { createThrottle, type Throttle } from '../passwords/throttle/throttle.js';
import type { ReplaySettings } from '../replay/registry.js';
import { BackendFaults } from './backend-faults.js';

/** How much longer than their timeout the back ends of the previous configuration stay open, for requests in progress. */
const CLOSE_AFTER_MILLISECONDS = 1000;

/** Options of {@link HostPasswords}. */
export interface HostPasswordsOptions extends Pick<BackendOptions, 'env'> {
  readonly log: Log;
  /** Where to record when app passwords were used last. */
  readonly lastUses: Pick<LastUses, 'record'>;
  /** Returns `undefined` if each process counts for itself. */
  readonly openAttemptCounters: (replay: ReplaySettings) => Promise<AttemptCounters | undefined>;
  readonly onRequest: (request: BackendRequest) => void;
}

/** What the counters of wrong passwords belong to. */
interface ThrottleKey {
  readonly limits: ThrottleSettings;
  readonly replay: ReplaySettings;
  /** Keys the hashes of names in a store that processes share. */
  readonly secret: string;
}

/** A throttle, and what to close with it. */
interface KeptThrottle {
  readonly key: ThrottleKey;
  readonly throttle: Throttle;
  readonly close: () => Promise<void>;
}

/** Opens the password back ends of each configuration. Keeps the counters of wrong passwords over reloads. */
export class HostPasswords {
  readonly #options: HostPasswordsOptions;
  readonly #backendOptions: BackendOptions;
  readonly #faults: BackendFaults;
  readonly #inProgress = new ChecksInProgress();
  #backends: readonly PasswordBackend[] = [];
  #throttles: readonly KeptThrottle[] = [];
  readonly #previous: { readonly close: () => Promise<void> }[] = [];
  /** The longest timeout so far, in milliseconds. */
  #timeout = 0;

  constructor(options: HostPasswordsOptions) {
    const { env, log, lastUses } = options;
    const onWarning = (message: string): void => {
      log.write('warning', message);
    };
    const record = lastUses.record.bind(lastUses);
    this.#options = options;
    this.#faults = new BackendFaults(log, () => performance.now());
    this.#backendOptions = {
      env,
      onWarning,
      onUsed: createUseRecorder({ record, clock: Date.now, onWarning }),
    };
  }

  /**
   * Opens the back ends of a configuration. Those of the previous one stay open until {@link closePrevious} is called.
   *
   * @returns what checks the passwords of each host, by its settings
   * @throws if a back end can't be opened; the previous ones stay open then
   */
  async open(hosts: Hosts, replay: ReplaySettings): Promise<ReadonlyMap<PasswordSettings, Passwords>> {
    const secret = secretOf(hosts);
    const backends: PasswordBackend[] = [];
    const throttles: KeptThrottle[] = [];
    const opened = new Map<PasswordSettings, Passwords>();
    try {
      for (const settings of hosts.passwords) {
        const own: PasswordBackend[] = [];
        for (const each of settings.backends) {
          const backend = await openBackend(each, this.#backendOptions);
          own.push(backend);
          backends.push(backend);
        }
        const key = { limits: settings.limits, replay, secret };
        const kept = this.#find(throttles, key) ?? (await this.#createThrottle(key));
        throttles.push(kept);
        opened.set(settings, this.#create(settings, own, kept.throttle));
      }
    } catch (error) {
      const isNew = (kept: KeptThrottle): boolean => !this.#throttles.includes(kept);
      await Promise.all([...backends, ...throttles.filter(isNew)].map((part) => part.close()));
      throw error;
    }
    const unused = this.#throttles.filter((kept) => !throttles.includes(kept));
    this.#previous.push(...this.#backends, ...unused);
    this.#backends = backends;
    this.#throttles = throttles;
    this.#timeout = Math.max(this.#timeout, ...hosts.passwords.map(({ timeout }) => timeout));
    return opened;
  }

  /** Closes the back ends of the previous configurations as soon as no request can use them. */
  closePrevious(): void {
    const previous = this.#previous.splice(0);
    setTimeout(() => {
      for (const part of previous) void part.close().catch(() => undefined);
    }, this.#timeout + CLOSE_AFTER_MILLISECONDS).unref();
  }

  /** Closes all back ends. */
  async close(): Promise<void> {
    await Promise.all([...this.#backends, ...this.#throttles, ...this.#previous].map((part) => part.close()));
  }

  #create(
    { timeout }: PasswordSettings,
    backends: readonly PasswordBackend[],
    throttle: Throttle,
  ): Passwords {
    const onRequest = (request: BackendRequest): void => {
      this.#options.onRequest(request);
      this.#faults.onRequest(request);
    };
    return createPasswords({ backends, throttle, timeout, inProgress: this.#inProgress, onRequest });
  }

  #find(opened: readonly KeptThrottle[], key: ThrottleKey): KeptThrottle | undefined {
    return [...opened, ...this.#throttles].find((kept) => isDeepStrictEqual(kept.key, key));
  }

  async #createThrottle(key: ThrottleKey): Promise<KeptThrottle> {
    const { limits, replay, secret } = key;
    const counters = await this.#options.openAttemptCounters(replay);
    const throttle = createThrottle(limits, {
      ...(counters !== undefined && { shared: { counters, secret } }),
      onWarning: this.#backendOptions.onWarning,
    });
    const close = async (): Promise<void> => {
      await Promise.all([throttle.close(), counters?.close()]);
    };
    return { key, throttle, close };
  }
}

/** Returns a secret that all processes with the same configuration have. No token is a signature of this text. */
function secretOf({ keys }: Hosts): string {
  return keys[0]?.tokenSecret.sign('', 'names in the counters of wrong passwords').toString('base64') ?? '';
}
