import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitFault, faults, startFault } from './faults.js';
import { MAX_ANSWER_BYTES, type Framing } from './framing.js';
import { killGroup } from './process-group.js';

/** An answer; or `'unread'` if the child has ended as expected, such as after one answer, before it read the request. */
export type ChildAnswer = boolean | 'unread';

/** Options of {@link CommandChild}. */
export interface CommandChildOptions {
  readonly framing: Framing;
  /** How long it must be silent after its start and after each answer, in milliseconds. */
  readonly silence: number;
  /** Called when the child becomes idle. */
  readonly onIdle: () => void;
  /** Called once, when the process is gone. */
  readonly onEnd: (end: ChildEnd) => void;
}

/** How a child ended. */
export interface ChildEnd {
  /** What was wrong; `undefined` if it ended as expected. */
  readonly fault: string | undefined;
  /** The longest time until the next start, in milliseconds; 0 if it need not be delayed. */
  readonly maxDelay: number;
}

interface Asked {
  readonly resolve: (answer: ChildAnswer) => void;
  readonly reject: (fault: Error) => void;
}

/** How long a child may run after the end of its stdin or stdout, in milliseconds. */
const END_WITHIN_MILLISECONDS = 1000;
/** The longest time until a program is started again that failed before a request. */
export const MAX_DELAY_MILLISECONDS: number = 30_000;
/** Shorter, because a user may be able to crash a program by a password. */
const MAX_DELAY_AFTER_REQUEST_MILLISECONDS = 1000;

/**
 * One process, which is asked one thing at a time. It can be asked once it has been silent for a while. Output at any other time ends
 * it, because it could be taken for the answer to a later request.
 */
export class CommandChild {
  readonly #child: ChildProcess;
  readonly #options: CommandChildOptions;
  #state: 'settling' | 'idle' | 'asked' | 'ending' | 'ended' = 'settling';
  #asked: Asked | undefined;
  #wasAsked = false;
  /** What has been received since the request. */
  #received: Buffer = Buffer.alloc(0);
  #hasAnswered = false;
  /** Whether the request in progress has been accepted, unless more output follows. */
  #isAccepted = false;
  #fault: string | undefined;
  #status: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;
  #isOutputEnded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(child: ChildProcess, options: CommandChildOptions) {
    this.#child = child;
    this.#options = options;
    child.on('error', (error) => {
      // Then there is no exit.
      if (child.pid !== undefined) return;
      this.#status = { code: null, signal: null };
      this.#fail(startFault(error));
    });
    child.once('exit', (code, signal) => {
      this.#status = { code, signal };
      this.#removeIfEnded();
    });
    // Streams are missing if the child can't be started.
    child.stdin?.on('error', () => {
      this.#end();
    });
    child.stdout?.on('error', () => {
      this.#onOutputEnd();
    });
    child.stdout?.on('data', (bytes: Buffer) => {
      this.#onOutput(bytes);
    });
    child.stdout?.once('end', () => {
      this.#onOutputEnd();
    });
    this.#settle();
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  /** Whether it becomes idle soon. */
  get isSettling(): boolean {
    return this.#state === 'settling';
  }

  /**
   * Sends a request to an idle child.
   *
   * @param signal aborted at the deadline, which kills the child
   * @throws if there is no answer, or output beyond it; the message follows the path of the program
   */
  async ask(request: Buffer, signal: AbortSignal): Promise<ChildAnswer> {
    const onAbort = (): void => {
      this.#fail(faults.timeout);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#state = 'asked';
    this.#wasAsked = true;
    this.#received = Buffer.alloc(0);
    this.#keepAlive(true);
    try {
      return await new Promise<ChildAnswer>((resolve, reject) => {
        this.#asked = { resolve, reject };
        this.#child.stdin?.write(request);
      });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Ends stdin, and kills the child if that doesn't end it. */
  async close(): Promise<void> {
    if (this.#status !== undefined) return;
    this.#keepAlive(true);
    const exit = once(this.#child, 'exit').catch(() => undefined);
    this.#child.stdin?.end();
    this.#end();
    // Not even SIGKILL ends a process that waits for a file system.
    await Promise.race([exit, sleep(2 * END_WITHIN_MILLISECONDS, undefined, { ref: false })]);
  }

  #onOutput(bytes: Buffer): void {
    if (this.#fault !== undefined) return;
    if (this.#asked === undefined || this.#isAccepted) {
      this.#fail(faults.surplus);
      return;
    }
    this.#received = Buffer.concat([this.#received, bytes.subarray(0, MAX_ANSWER_BYTES + 1)]);
    const answer = this.#options.framing.decode(this.#received);
    if (answer === 'incomplete') return;
    if (answer === 'invalid') {
      this.#fail(faults.invalid);
      return;
    }
    this.#hasAnswered = true;
    // Accept only after silence: this can be a second answer to the previous request, before the answer to this one.
    this.#isAccepted = answer;
    if (!answer) this.#resolve(false);
    if (this.#state === 'asked') this.#settle();
  }

  /** Waits until the child has been silent. Then it can be asked. */
  #settle(): void {
    this.#state = 'settling';
    this.#timer = setTimeout(() => {
      // Node.js reads between timers and immediates, also if the event loop was blocked.
      setImmediate(() => {
        if (this.#state !== 'settling') return;
        this.#state = 'idle';
        this.#resolve(true);
        this.#keepAlive(false);
        this.#options.onIdle();
      });
    }, this.#options.silence);
  }

  #onOutputEnd(): void {
    this.#isOutputEnded = true;
    // Nothing can follow the answer.
    if (this.#isAccepted) this.#resolve(true);
    this.#end();
    this.#removeIfEnded();
  }

  /** Expects the child to exit. */
  #end(): void {
    if (this.#state === 'ending' || this.#state === 'ended') return;
    this.#state = 'ending';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#fail(faults.closedPipe);
    }, END_WITHIN_MILLISECONDS);
  }

  #fail(fault: string): void {
    if (this.#fault !== undefined || this.#state === 'ended') return;
    this.#fault = fault;
    this.#state = 'ending';
    clearTimeout(this.#timer);
    killGroup(this.#child);
    // Ends it, too, if it runs as another user, whose processes can't be killed.
    this.#destroyPipes();
    this.#reject(fault);
    this.#removeIfEnded();
  }

  #removeIfEnded(): void {
    if (this.#status === undefined || this.#state === 'ended') return;
    // The answer of an ended child can still be in the pipe.
    if (this.#asked !== undefined && !this.#isOutputEnded) return;
    this.#state = 'ended';
    clearTimeout(this.#timer);
    const { code, signal } = this.#status;
    const isExpected = code === 0 && this.#hasAnswered;
    const fault = this.#fault ?? (isExpected ? undefined : exitFault(code, signal));
    if (isExpected && this.#received.length === 0) this.#resolve('unread');
    else this.#reject(exitFault(code, signal));
    this.#destroyPipes();
    const delay = this.#wasAsked ? MAX_DELAY_AFTER_REQUEST_MILLISECONDS : MAX_DELAY_MILLISECONDS;
    const isDelayed = fault !== undefined && fault !== faults.timeout;
    this.#options.onEnd({ fault, maxDelay: isDelayed ? delay : 0 });
  }

  #destroyPipes(): void {
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
  }

  #resolve(answer: ChildAnswer): void {
    this.#asked?.resolve(answer);
    this.#asked = undefined;
    this.#isAccepted = false;
  }

  #reject(fault: string): void {
    this.#asked?.reject(new Error(fault));
    this.#asked = undefined;
    this.#isAccepted = false;
  }

  /** An idle child doesn't keep this process alive; a request does. */
  #keepAlive(isNeeded: boolean): void {
    for (const part of [this.#child, this.#child.stdout, this.#child.stderr]) {
      if (!(part === this.#child || part instanceof Socket)) continue;
      if (isNeeded) part.ref();
      else part.unref();
    }
  }
}
