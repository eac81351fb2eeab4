import type { ChildProcessByStdio } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { Level } from './log.js';

type Logger = ChildProcessByStdio<Writable, null, null>;

/** Lines beyond this are dropped when logger(1) does not take them: a log must not grow in memory either. */
const MAX_WAITING_BYTES = 1024 * 1024;
const RESTART_AFTER_MILLISECONDS = 10_000;

/** Syslog's priorities (RFC 5424, section 6.2.1), facility 4 (security and authorization). */
const FACILITY = 4 * 8;
const priorities: Readonly<Record<Level, number>> = {
  error: FACILITY + 3,
  warning: FACILITY + 4,
  info: FACILITY + 6,
};

/** Writes to syslog and the journal by a logger(1) that is kept running. */
export class Syslog {
  #logger: Logger | undefined;
  #waiting: string[] = [];
  #state: 'ready' | 'starting' | 'resting' = 'ready';

  /** Never throws, never waits; what logger(1) cannot take is lost. */
  write(level: Level, line: string): void {
    const text = `<${priorities[level]}>${line.replaceAll('\n', ' | ')}\n`;
    if (this.#logger === undefined) {
      this.#waiting.push(text);
      this.#start();
    } else if (this.#logger.stdin.writableLength < MAX_WAITING_BYTES) {
      this.#logger.stdin.write(text);
    }
  }

  /** Lets logger(1) end once it has written what it has. */
  close(): void {
    this.#logger?.stdin.end();
  }

  #start(): void {
    if (this.#state !== 'ready') {
      // Nothing is kept while there is no logger to be had.
      if (this.#state === 'resting') this.#waiting = [];
      return;
    }
    this.#state = 'starting';
    // Only after the input of this turn: an answer does not wait for the log.
    setImmediate(() => void this.#spawn());
  }

  async #spawn(): Promise<void> {
    try {
      const { spawn } = await import('node:child_process');
      const logger = spawn('logger', ['-t', 'xtokend', '--id', '--prio-prefix'], {
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      const rest = (): void => {
        this.#rest();
      };
      // Where there is no logger, or no descriptor left for it, there is an error, and no stdin.
      logger.on('error', rest).on('exit', rest);
      logger.stdin.on('error', rest);
      logger.stdin.write(this.#waiting.join(''));
      this.#waiting = [];
      this.#logger = logger;
      // The log keeps nobody alive.
      logger.unref();
    } catch {
      this.#rest();
    }
  }

  #rest(): void {
    this.#logger = undefined;
    this.#state = 'resting';
    setTimeout(() => {
      this.#state = 'ready';
    }, RESTART_AFTER_MILLISECONDS).unref();
  }
}
