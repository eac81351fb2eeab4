import type { Log } from '../log/log.js';
import type { BackendRequest } from '../passwords/passwords.js';

/** A back end that succeeds has recovered if its last fault is this old. One that fails now and then would fill the log otherwise. */
const RECOVERED_AFTER_MILLISECONDS = 5000;
/** Further causes are not logged until the back end recovers. */
const MAX_CAUSES = 10;

interface Fault {
  readonly causes: Set<string>;
  failed: number;
  lastAt: number;
}

/** Logs each new fault of a back end once, not once for each request, and the recovery. */
export class BackendFaults {
  readonly #log: Log;
  readonly #clock: () => number;
  readonly #faults = new Map<string, Fault>();

  /** @param clock returns milliseconds of a monotonic clock */
  constructor(log: Log, clock: () => number) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Receives each request to a back end. */
  readonly onRequest = ({ backend, result, cause }: BackendRequest): void => {
    if (result === 'unavailable') this.#addFault(backend, cause ?? 'no cause is known');
    else if (this.#faults.size > 0) this.#endFault(backend);
  };

  #addFault(backend: string, cause: string): void {
    const fault = this.#faults.get(backend) ?? { causes: new Set(), failed: 0, lastAt: 0 };
    this.#faults.set(backend, fault);
    fault.failed += 1;
    fault.lastAt = this.#clock();
    if (fault.causes.has(cause) || fault.causes.size >= MAX_CAUSES) return;
    fault.causes.add(cause);
    this.#log.write('error', 'password back end unavailable', { backend, cause });
  }

  #endFault(backend: string): void {
    const fault = this.#faults.get(backend);
    if (fault === undefined || this.#clock() - fault.lastAt < RECOVERED_AFTER_MILLISECONDS) return;
    this.#faults.delete(backend);
    this.#log.write('info', 'password back end recovered', { backend, failed: fault.failed });
  }
}
