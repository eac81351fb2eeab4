import type { ChildProcessByStdio } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Writable } from 'node:stream';
import { messageOf } from '../../errors.js';
import type { LinePrefix } from '../line-format.js';
import { writeUnlessFull } from './partial-write.js';
import type { LogSink } from './sink.js';

type Child = ChildProcessByStdio<Writable, null, null>;

/** Options of {@link LogProgram}. */
export interface LogProgramOptions {
  readonly name: string;
  readonly prefix: LinePrefix;
  /** A program that reads lines from stdin, and its arguments. */
  readonly command: readonly [string, ...string[]];
}

/** A program that still runs after this time has found its log service. */
const PROVEN_AFTER_MILLISECONDS = 200;
const RESTART_AFTER_MILLISECONDS = 10_000;
const CLOSE_WITHIN_MILLISECONDS = 500;

/**
 * Passes lines to a program that writes to the journal or syslog, which Node.js can't. Starts the program with the first line, and
 * again after it has exited.
 */
export class LogProgram implements LogSink {
  readonly name: string;
  readonly prefix: LinePrefix;
  readonly #command: LogProgramOptions['command'];
  #child: Child | undefined;
  /** Lines wait until then: a program without a log service would drop them. */
  #isProven = false;
  #spawning: Promise<void> | undefined;
  #fault: Error | undefined;

  constructor({ name, prefix, command }: LogProgramOptions) {
    this.name = name;
    this.prefix = prefix;
    this.#command = command;
  }

  write(bytes: Buffer): number {
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#child === undefined) this.#spawning ??= this.#spawn();
    return this.#isProven && this.#child !== undefined ? writeUnlessFull(this.#child.stdin, bytes) : 0;
  }

  /** Sends the remaining lines even to a program that isn't proven yet. */
  async close(flush: () => void): Promise<void> {
    this.#endInput(flush);
    await this.#spawning;
    const child = this.#endInput(flush);
    if (child?.exitCode !== null) return;
    await Promise.race([
      new Promise((resolve) => child.once('exit', resolve)),
      sleep(CLOSE_WITHIN_MILLISECONDS, undefined, { ref: false }),
    ]);
  }

  #endInput(flush: () => void): Child | undefined {
    this.#isProven = true;
    flush();
    this.#child?.stdin.end();
    return this.#child;
  }

  async #spawn(): Promise<void> {
    // Starting a process takes milliseconds: answer the requests of this event loop iteration first.
    await new Promise(setImmediate);
    try {
      const { spawn } = await import('node:child_process');
      // Ctrl+C or systemd signals the program, too, but it must read the last lines first. It exits at the end of its input.
      const script = 'trap "" HUP INT TERM; exec "$@"';
      const child = spawn('sh', ['-c', script, 'sh', ...this.#command], {
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      this.#watch(child);
    } catch (error) {
      this.#pause(error);
    } finally {
      this.#spawning = undefined;
    }
  }

  #watch(child: Child): void {
    const proven = setTimeout(() => {
      this.#isProven = true;
    }, PROVEN_AFTER_MILLISECONDS).unref();
    const onEnd = (cause: unknown): void => {
      clearTimeout(proven);
      if (this.#child !== child) return;
      this.#child = undefined;
      // Otherwise the next line starts the program again.
      if (!this.#isProven) this.#pause(cause);
      this.#isProven = false;
    };
    // If sh can't be started, `error` is emitted instead of `exit`.
    child.on('error', onEnd).on('exit', (code, signal) => {
      onEnd(`it exited at once with ${code ?? signal ?? 'no status'}`);
    });
    child.stdin.on('error', () => undefined);
    this.#child = child;
    // The log must not keep the process alive.
    child.unref();
  }

  #pause(cause: unknown): void {
    const hint = `to see why, run as this user: echo test | ${this.#command.join(' ')}`;
    this.#fault = new Error(`${this.#command[0]} cannot be used: ${messageOf(cause)}; ${hint}`);
    setTimeout(() => {
      this.#fault = undefined;
    }, RESTART_AFTER_MILLISECONDS).unref();
  }
}
