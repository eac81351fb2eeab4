import type { ChildProcess } from 'node:child_process';
import { CommandChild, MAX_DELAY_MILLISECONDS, type ChildEnd } from './command-child.js';
import { faults, startFault } from './faults.js';
import type { Framing } from './framing.js';

/** Options of {@link CommandPool}. */
export interface CommandPoolOptions {
  readonly framing: Framing;
  /** At most. */
  readonly processes: number;
  /** How long a child must be silent after its start and after each answer, in milliseconds. */
  readonly silence: number;
  /** Starts a process. */
  readonly spawn: () => ChildProcess;
  /** Returns milliseconds of a monotonic clock. */
  readonly monotonic: () => number;
}

interface Waiting {
  readonly request: Buffer;
  readonly signal: AbortSignal;
  readonly resolve: (answer: boolean) => void;
  readonly reject: (fault: unknown) => void;
  readonly onAbort: () => void;
}

const FIRST_DELAY_MILLISECONDS = 100;

/** Asks child processes, which it starts when they are needed. Its errors have messages that follow the path of the program. */
export class CommandPool {
  readonly #options: CommandPoolOptions;
  /** The longest idle ones come first. */
  readonly #children = new Set<CommandChild>();
  readonly #queue: Waiting[] = [];
  /** Ends since the last answer that delay the next start. */
  #failures = 0;
  #lastFault = '';
  #startAfter = 0;
  #isClosed = false;

  constructor(options: CommandPoolOptions) {
    this.#options = options;
  }

  /**
   * Asks a child, as soon as one is idle.
   *
   * @param signal aborted at the deadline
   * @throws if no child can tell
   */
  ask(request: Buffer, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#queue.indexOf(waiting);
        if (at < 0) return;
        this.#queue.splice(at, 1);
        reject(new Error(faults.busy));
      };
      const waiting = { request, signal, resolve, reject, onAbort };
      this.#enqueue(waiting, 'last');
    });
  }

  /** Ends the children. Those that are asked have a second to answer. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#rejectAll(faults.closed);
    await Promise.all([...this.#children].map((child) => child.close()));
  }

  #enqueue(waiting: Waiting, place: 'first' | 'last'): void {
    if (waiting.signal.aborted || this.#isClosed) {
      waiting.reject(new Error(this.#isClosed ? faults.closed : faults.busy));
      return;
    }
    waiting.signal.addEventListener('abort', waiting.onAbort, { once: true });
    if (place === 'first') this.#queue.unshift(waiting);
    else this.#queue.push(waiting);
    this.#dispatch();
  }

  #dispatch(): void {
    for (const child of this.#children) {
      const waiting = child.isIdle ? this.#dequeue() : undefined;
      if (waiting !== undefined) void this.#askChild(child, waiting);
    }
    while (this.#needsChild()) this.#start();
    if (this.#queue.length > 0 && this.#children.size === 0) this.#rejectAll(this.#explainDelay());
  }

  #dequeue(): Waiting | undefined {
    const waiting = this.#queue.shift();
    waiting?.signal.removeEventListener('abort', waiting.onAbort);
    return waiting;
  }

  async #askChild(child: CommandChild, waiting: Waiting): Promise<void> {
    try {
      const answer = await child.ask(waiting.request, waiting.signal);
      if (answer === 'unread') {
        this.#enqueue(waiting, 'first');
        return;
      }
      this.#failures = 0;
      waiting.resolve(answer);
    } catch (error) {
      waiting.reject(error);
    }
  }

  #needsChild(): boolean {
    const soonIdle = [...this.#children].filter((child) => child.isSettling).length;
    return (
      this.#queue.length > soonIdle &&
      this.#children.size < this.#options.processes &&
      this.#options.monotonic() >= this.#startAfter
    );
  }

  #start(): void {
    try {
      const child = new CommandChild(this.#options.spawn(), {
        framing: this.#options.framing,
        silence: this.#options.silence,
        onIdle: () => {
          // Behind those that have been idle for longer.
          this.#children.delete(child);
          this.#children.add(child);
          this.#dispatch();
        },
        onEnd: (end) => {
          this.#children.delete(child);
          this.#delay(end);
          this.#dispatch();
        },
      });
      this.#children.add(child);
    } catch (error) {
      this.#delay({ fault: startFault(error), maxDelay: MAX_DELAY_MILLISECONDS });
    }
  }

  #delay({ fault, maxDelay }: ChildEnd): void {
    if (fault === undefined || maxDelay === 0) return;
    this.#lastFault = fault;
    const delay = Math.min(maxDelay, FIRST_DELAY_MILLISECONDS * 2 ** this.#failures);
    this.#failures += 1;
    this.#startAfter = this.#options.monotonic() + delay;
  }

  #explainDelay(): string {
    const seconds = Math.max(0, this.#startAfter - this.#options.monotonic()) / 1000;
    return `${this.#lastFault} (not started again for ${seconds.toFixed(1)} s)`;
  }

  #rejectAll(fault: string): void {
    for (let waiting = this.#dequeue(); waiting !== undefined; waiting = this.#dequeue()) {
      waiting.reject(new Error(fault));
    }
  }
}
