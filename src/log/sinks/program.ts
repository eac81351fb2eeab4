import type { ChildProcessByStdio } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Writable } from 'node:stream';
import type { Heading } from '../line-format.js';
import type { LogSink } from './sink.js';
import { writeUnlessFull } from './stream-write.js';

type Child = ChildProcessByStdio<Writable, null, null>;

/** What a {@link LogProgram} works with. */
export interface LogProgramOptions {
  readonly name: string;
  readonly heading: Heading;
  /** The program and its arguments; it reads lines. */
  readonly command: readonly [string, ...string[]];
}

/** One that lives so long has found what it writes to. */
const PROVEN_AFTER_MILLISECONDS = 200;
const RESTART_AFTER_MILLISECONDS = 10_000;
const CLOSE_WITHIN_MILLISECONDS = 500;

/**
 * A program that is kept running, and passes lines on to where Node cannot write: to the journal, to syslog. It is started
 * when it is first needed, and again when it dies.
 */
export class LogProgram implements LogSink {
  readonly name: string;
  readonly heading: Heading;
  readonly #command: LogProgramOptions['command'];
  #child: Child | undefined;
  /** Lines for one that finds nothing to write to would be lost. */
  #isProven = false;
  #spawning: Promise<void> | undefined;
  #trouble: Error | undefined;

  constructor({ name, heading, command }: LogProgramOptions) {
    this.name = name;
    this.heading = heading;
    this.#command = command;
  }

  write(bytes: Buffer): number {
    if (this.#trouble !== undefined) throw this.#trouble;
    if (this.#child === undefined) this.#spawning ??= this.#spawn();
    return this.#isProven && this.#child !== undefined ? writeUnlessFull(this.#child.stdin, bytes) : 0;
  }

  /** There is no later: what has not proven itself gets what there is. */
  async close(flush: () => void): Promise<void> {
    this.#end(flush);
    await this.#spawning;
    const child = this.#end(flush);
    if (child?.exitCode !== null) return;
    await Promise.race([
      new Promise((resolve) => child.once('exit', resolve)),
      sleep(CLOSE_WITHIN_MILLISECONDS, undefined, { ref: false }),
    ]);
  }

  #end(flush: () => void): Child | undefined {
    this.#isProven = true;
    flush();
    this.#child?.stdin.end();
    return this.#child;
  }

  async #spawn(): Promise<void> {
    // Only after the input of this turn: an answer does not wait for the log.
    await new Promise(setImmediate);
    try {
      const { spawn } = await import('node:child_process');
      // What ends us, Ctrl+C in a terminal or systemd, must not end it before it has the last lines. It ends with its input.
      const script = 'trap "" HUP INT TERM; exec "$@"';
      const child = spawn('sh', ['-c', script, 'sh', ...this.#command], {
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      this.#watch(child);
    } catch (error) {
      this.#rest(error);
    } finally {
      this.#spawning = undefined;
    }
  }

  #watch(child: Child): void {
    const proven = setTimeout(() => {
      this.#isProven = true;
    }, PROVEN_AFTER_MILLISECONDS).unref();
    const gone = (cause: unknown): void => {
      clearTimeout(proven);
      if (this.#child !== child) return;
      this.#child = undefined;
      // Otherwise there is a new one with the next line.
      if (!this.#isProven) this.#rest(cause);
      this.#isProven = false;
    };
    // Where there is no program to be had, or no descriptor left for it, there is an error, and no stdin.
    child.on('error', gone).on('exit', (code, signal) => {
      gone(`ended at once with ${code ?? signal ?? 'nothing'}`);
    });
    child.stdin.on('error', () => undefined);
    this.#child = child;
    // The log keeps nobody alive.
    child.unref();
  }

  #rest(cause: unknown): void {
    const hint = `to see why, run as this user: echo test | ${this.#command.join(' ')}`;
    this.#trouble = new Error(`${this.#command[0]} cannot be used: ${String(cause)}; ${hint}`);
    setTimeout(() => {
      this.#trouble = undefined;
    }, RESTART_AFTER_MILLISECONDS).unref();
  }
}
