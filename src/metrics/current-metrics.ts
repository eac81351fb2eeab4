import { isDeepStrictEqual } from 'node:util';
import type { MetricsAddress } from '../config/metrics.js';
import { messageOf } from '../errors.js';
import type { Log } from '../log/log.js';
import type { Measurements } from './measurements.js';

/** Processes with the same configuration share an address: when the one that listens ends, another takes over. */
const RETRY_MILLISECONDS = 10_000;

/** Options of {@link CurrentMetrics}. */
export interface CurrentMetricsOptions {
  readonly log: Log;
  readonly measurements: Measurements;
  readonly version: string;
}

/** Serves the metrics at the address of the current configuration. Logs a failure and retries; requests don't depend on it. */
export class CurrentMetrics {
  readonly #options: CurrentMetricsOptions;
  #address: MetricsAddress | undefined;
  #render: (() => Promise<string>) | undefined;
  #stop: (() => void) | undefined;
  #retry: NodeJS.Timeout | undefined;
  #lastFault: string | undefined;

  constructor(options: CurrentMetricsOptions) {
    this.#options = options;
  }

  /** Starts to serve at another address, or stops if there is none. Returns before that is done; never throws. */
  configure(address: MetricsAddress | undefined): void {
    if (isDeepStrictEqual(address, this.#address)) return;
    this.close();
    this.#address = address;
    if (address !== undefined) void this.#open(address);
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#stop?.();
    this.#stop = undefined;
    this.#address = undefined;
    this.#lastFault = undefined;
  }

  async #open(address: MetricsAddress): Promise<void> {
    try {
      const stop = await this.#serve(address);
      // A reload may have changed the address meanwhile.
      if (this.#address !== address) {
        stop();
        return;
      }
      this.#stop = stop;
      this.#options.log.write('info', 'serving metrics', { address: nameOf(address) });
    } catch (error) {
      if (this.#address !== address) return;
      this.#logFault(messageOf(error));
      this.#retry = setTimeout(() => void this.#open(address), RETRY_MILLISECONDS).unref();
    }
  }

  async #serve(address: MetricsAddress): Promise<() => void> {
    const { measurements, version } = this.#options;
    // Its libraries take as long to load as everything else.
    const { cacheText, createRegistry, serveMetrics } = await import('./metrics.js');
    this.#render ??= cacheText(createRegistry(measurements, version));
    return serveMetrics(address, this.#render);
  }

  #logFault(fault: string): void {
    if (fault === this.#lastFault) return;
    this.#lastFault = fault;
    const hint =
      'logins are not affected; fix metrics.listen or free the address: xtokend retries every 10 s';
    this.#options.log.write('warning', `metrics disabled: ${fault}; ${hint}`);
  }
}

function nameOf(address: MetricsAddress): string {
  return 'path' in address ? `unix:${address.path}` : `${address.host}:${address.port}`;
}
