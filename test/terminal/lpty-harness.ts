import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf, findProgram } from '../support/system/processes.js';

const HARNESS = resolve('test/terminal/lpty-harness.lua');
const WARM_UP_MILLISECONDS = 20_000;

/** A program on a terminal of lpty, driven as Prosody's stock module does (see lpty-harness.lua). */
export class LptyHarness {
  readonly #lua: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, env: NodeJS.ProcessEnv) {
    this.#lua = spawn('/usr/bin/lua5.2', [HARNESS, command], {
      env: { PATH: process.env['PATH'], STATE_DIRECTORY: process.env['STATE_DIRECTORY'], ...env },
    });
    this.#lines = createInterface(this.#lua.stdout)[Symbol.asyncIterator]();
    this.#lua.stdin.on('error', () => undefined);
  }

  /** The process that stands for Prosody. */
  get pid(): number {
    return this.#lua.pid ?? 0;
  }

  /** All processes below the one that stands for Prosody. */
  get descendants(): number[] {
    return descendantsOf(this.pid);
  }

  /** The supervisor's process. @throws if there is none */
  get supervisor(): number {
    return findProgram(this.descendants, 'sh');
  }

  /** The Node process of xtokend. @throws if there is none */
  get node(): number {
    return findProgram(this.descendants, 'node');
  }

  /** Runs one command of the harness and returns its result. */
  async perform(command: string): Promise<string> {
    this.#lua.stdin.write(`${command}\n`);
    const { value } = (await this.#lines.next()) as { value?: string };
    return value ?? 'gone';
  }

  /** Sends a request and reads the answer as the stock module does. */
  ask(request: string, seconds = 5): Promise<string> {
    return this.perform(`ask ${seconds} ${request}`);
  }

  /** Starts the program by a first request, whose answer the module cannot interpret, and waits for two right answers. */
  async warmUp(): Promise<void> {
    const end = Date.now() + WARM_UP_MILLISECONDS;
    for (let answers = 0; answers < 2;) {
      if (Date.now() > end) throw new Error(`expected an answer within ${WARM_UP_MILLISECONDS} ms`);
      answers = (await this.ask('isuser:warm:up', 1)) === 'accepted' ? answers + 1 : 0;
      // As long as the terminal echoes, each read returns at once.
      if (answers === 0) await sleep(50);
    }
  }

  /** Kills the process that stands for Prosody, and its descendants. */
  end(): void {
    // Process 0 would be an ancestor of all others.
    if (this.#lua.pid === undefined) return;
    for (const pid of [this.pid, ...this.descendants]) kill(pid);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has ended by itself.
  }
}
