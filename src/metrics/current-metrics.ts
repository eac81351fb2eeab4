import { performance } from 'node:perf_hooks';
import { isDeepStrictEqual } from 'node:util';
import type { MetricsAddress } from '../config/metrics.js';
import { messageOf } from '../errors.js';
import type { Log } from '../log/log.js';
import type { Measurements } from './measurements.js';

/** Several processes with the same configuration want the same address: when the one that has it ends, another takes it. */
const AGAIN_AFTER_MILLISECONDS = 10_000;

/** What {@link CurrentMetrics} works with. */
export interface CurrentMetricsOptions {
  readonly log: Log;
  readonly measurements: Measurements;
  readonly version: string;
}

/**
 * Offers the measurements where the configuration of the moment wants them. Whatever goes wrong with that is said in the log,
 * and tried again later; nobody's login depends on it.
 */
export class CurrentMetrics {
  readonly #options: CurrentMetricsOptions;
  #address: MetricsAddress | undefined;
  #render: (() => Promise<string>) | undefined;
  #stop: (() => void) | undefined;
  #again: NodeJS.Timeout | undefined;
  #lastFault: string | undefined;

  constructor(options: CurrentMetricsOptions) {
    this.#options = options;
  }

  /** Offers them at another address from now on, or nowhere. Does not wait for that, and never throws. */
  take(address: MetricsAddress | undefined): void {
    if (isDeepStrictEqual(address, this.#address)) return;
    this.close();
    this.#address = address;
    if (address !== undefined) void this.#open(address);
  }

  close(): void {
    clearTimeout(this.#again);
    this.#stop?.();
    this.#stop = undefined;
    this.#address = undefined;
    this.#lastFault = undefined;
  }

  async #open(address: MetricsAddress): Promise<void> {
    try {
      const stop = await this.#serve(address);
      // Meanwhile another address may have been asked for.
      if (this.#address !== address) {
        stop();
        return;
      }
      this.#stop = stop;
      this.#options.log.write('info', 'serving metrics', { at: nameOf(address) });
    } catch (error) {
      if (this.#address !== address) return;
      this.#tell(messageOf(error));
      this.#again = setTimeout(() => void this.#open(address), AGAIN_AFTER_MILLISECONDS).unref();
    }
  }

  async #serve(address: MetricsAddress): Promise<() => void> {
    const { measurements, version } = this.#options;
    // Its libraries take as long to load as all the rest.
    const { createRegistry, serveMetrics, shareRender } = await import('./metrics.js');
    this.#render ??= shareRender(createRegistry(measurements, version), () => performance.now());
    return serveMetrics(address, this.#render);
  }

  #tell(fault: string): void {
    if (fault === this.#lastFault) return;
    this.#lastFault = fault;
    const hint = 'logins go on; correct metrics.listen, or free the address: it is tried every 10 s';
    this.#options.log.write('warning', `metrics disabled: ${fault}; ${hint}`);
  }
}

function nameOf(address: MetricsAddress): string {
  return 'path' in address ? `unix:${address.path}` : `${address.host}:${address.port}`;
}
