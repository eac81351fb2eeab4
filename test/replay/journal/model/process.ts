import type { JournalReplayCache } from '../../../../src/replay/journal/journal-cache.js';
import type { ConsumeResult, TokenUse } from '../../../../src/replay/replay-cache.js';
import type { Program } from './bundle.js';
import type { FaultSequence } from './faults.js';
import { BLOCKED, type SimulatedFile, type SimulatedFileSystem } from './file-system.js';
import type { Caller } from './system-calls.js';

/** The directory of the replay cache. */
export const ROOT = '/state/replay-cache';

/** What a process does in one event loop iteration. */
export interface Act {
  /** The current time step as this process reads it. */
  readonly clock: number;
  readonly tokens: readonly TokenUse[];
}

/** The result of a system call. */
type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** How many iterations of the microtask queue complete any number of chained promises of an act. */
const MICROTASKS = 20;

/** Thrown by each system call once the process is suspended. */
const SUSPENDED = new Error('suspended');

/** Called with each reply, when it is sent. */
export type OnReply = (token: TokenUse, result: ConsumeResult) => void;

/**
 * A process that runs the production code and can be suspended before each of its system calls.
 *
 * JavaScript can't suspend a function. Instead, the system call throws, and all that the process does from then on is ignored. To
 * resume, a new instance repeats everything from its start, with the recorded results of its earlier system calls. This needs the
 * code to depend on nothing else.
 */
export class SimulatedProcess implements Caller {
  /** All system calls of all processes. */
  static calls: number = 0;
  readonly openFiles: Map<number, SimulatedFile> = new Map<number, SimulatedFile>();
  /** An error in the model itself. */
  fault: unknown;
  readonly files: SimulatedFileSystem;
  readonly faults: FaultSequence;
  readonly immediates: (() => void)[] = [];
  /** Differs for each process. */
  readonly identifier: string;
  readonly #program: Program;
  readonly #onReply: OnReply;
  readonly #acts: Act[] = [];
  #cache: JournalReplayCache | undefined;
  /** How many acts the present instance has completed. */
  #completed = 0;
  readonly #log: Outcome[] = [];
  #position = 0;
  #budget = 0;
  #isSuspended = false;
  #replies = 0;
  #repliesSent = 0;
  #random = 0;

  constructor(
    identifier: string,
    program: Program,
    files: SimulatedFileSystem,
    faults: FaultSequence,
    onReply: OnReply,
  ) {
    this.identifier = identifier;
    this.#program = program;
    this.files = files;
    this.faults = faults;
    this.#onReply = onReply;
  }

  /** Whether it has completed all of its acts. */
  get isIdle(): boolean {
    return this.#completed === this.#acts.length && !this.#isSuspended;
  }

  /** Starts an act. Call it only if the process is idle. */
  start(act: Act): void {
    this.#acts.push(act);
  }

  /** Continues for some system calls, or until the process is idle or blocked. */
  async run(calls: number): Promise<void> {
    this.#program.caller = this;
    if (this.#isSuspended || this.#cache === undefined) this.#restart();
    this.#budget = calls;
    for (let act = this.#acts[this.#completed]; act !== undefined; act = this.#acts[this.#completed]) {
      await this.#perform(act);
      if (this.fault !== undefined) throw this.fault as Error;
      if (this.#isSuspended) return;
      this.#completed += 1;
    }
  }

  /** Closes all files. A write in progress ends. */
  crash(): void {
    this.#isSuspended = true;
    for (const file of this.openFiles.values()) if (file.writer === this) file.writer = undefined;
    this.openFiles.clear();
  }

  readonly step = <T>(call: () => T): T => {
    if (this.#isSuspended) throw SUSPENDED;
    let outcome = this.#log[this.#position];
    if (outcome === undefined) {
      outcome = this.#make(call);
      this.#log.push(outcome);
    }
    this.#position += 1;
    if ('error' in outcome) throw outcome.error;
    return outcome.value as T;
  };

  #make(call: () => unknown): Outcome {
    if (this.#budget > 0) {
      this.#budget -= 1;
      SimulatedProcess.calls += 1;
      try {
        return { value: call() };
      } catch (error) {
        // Anything else is a fault of the model.
        if (error instanceof Error && 'code' in error) return { error };
        if (error !== BLOCKED) this.fault ??= error;
      }
    }
    this.#isSuspended = true;
    throw SUSPENDED;
  }

  #restart(): void {
    this.#isSuspended = false;
    [this.#completed, this.#position, this.#replies, this.#random] = [0, 0, 0, 0];
    this.immediates.length = 0;
    this.#cache = new this.#program.JournalReplayCache({
      root: ROOT,
      cacheEpoch: () => 0,
      onWarning: () => undefined,
    });
  }

  async #perform({ clock, tokens }: Act): Promise<void> {
    await Promise.all(
      tokens.map(async (token) => {
        let result: ConsumeResult | undefined;
        try {
          result = await this.#cache?.consume(token, clock);
        } catch {
          result = 'replay-cache-unavailable';
        }
        if (!this.#isSuspended && result !== undefined) this.#reply(token, result);
      }),
    );
    // The next phase of the event loop. Also if it is suspended: nothing may be left that runs as part of another process.
    for (const callback of this.immediates.splice(0)) callback();
    for (let count = 0; count < MICROTASKS; count += 1) await Promise.resolve();
  }

  #reply(token: TokenUse, result: ConsumeResult): void {
    this.#replies += 1;
    if (this.#replies <= this.#repliesSent) return;
    this.#repliesSent += 1;
    this.#onReply(token, result);
  }

  random(length: number): string {
    this.#random += 1;
    return `${this.identifier}${this.#random}`.padStart(length, '0');
  }
}
