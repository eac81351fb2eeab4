import type { ChildProcess } from 'node:child_process';
import { CommandChild, MAX_DELAY_MILLISECONDS, type ChildEnd } from './command-child.js';
import { FairQueue } from './fair-queue.js';
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
  readonly origin: string;
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
  readonly #queue: FairQueue<Waiting>;
  /** Ends since the last answer that delay the next start. */
  #failures = 0;
  #lastFault = '';
  #startAfter = 0;
  #isClosed = false;

  constructor(options: CommandPoolOptions) {
    this.#options = options;
    // One process remains for others, if there are several.
    this.#queue = new FairQueue(Math.max(1, options.processes - 1));
  }

  /**
   * Asks a child, as soon as one is idle.
   *
   * @param signal aborted at the deadline
   * @param origin what causes the request; those of one origin don't keep others waiting
   * @throws if no child can tell
   */
  ask(request: Buffer, signal: AbortSignal, origin = ''): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        if (this.#queue.remove(waiting)) reject(new Error(faults.busy));
      };
      const waiting = { request, signal, origin, resolve, reject, onAbort };
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
    this.#queue.add(waiting, place);
    this.#dispatch();
  }

  #dispatch(): void {
    for (const child of this.#children) {
      const waiting = child.isIdle ? this.#queue.start() : undefined;
      if (waiting === undefined) continue;
      waiting.signal.removeEventListener('abort', waiting.onAbort);
      void this.#askChild(child, waiting);
    }
    while (this.#needsChild()) this.#start();
    if (this.#queue.size > 0 && this.#children.size === 0) {
      this.#rejectAll(`${this.#lastFault}; it is started again soon`);
    }
  }

  async #askChild(child: CommandChild, waiting: Waiting): Promise<void> {
    try {
      const answer = await child.ask(waiting.request, waiting.signal).finally(() => {
        this.#queue.end(waiting);
      });
      if (answer === 'unread') {
        this.#enqueue(waiting, 'first');
        return;
      }
      this.#failures = 0;
      waiting.resolve(answer);
    } catch (error) {
      waiting.reject(error);
    }
    // Another request of this origin may have waited for the end of this one.
    this.#dispatch();
  }

  #needsChild(): boolean {
    const soonIdle = [...this.#children].filter((child) => child.isSettling).length;
    return (
      this.#queue.size > soonIdle &&
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

  #rejectAll(fault: string): void {
    for (const { signal, onAbort, reject } of this.#queue.removeAll()) {
      signal.removeEventListener('abort', onAbort);
      reject(new Error(fault));
    }
  }
}
