import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf } from './processes.js';

const HARNESS = resolve('test/terminal/lpty-harness.lua');
const WARM_UP_MILLISECONDS = 20_000;

/** A program on a terminal of lpty, driven as Prosody's stock external module does (see lpty-harness.lua). */
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

  /** Does one command of the harness; returns what it says. */
  async perform(command: string): Promise<string> {
    this.#lua.stdin.write(`${command}\n`);
    const { value } = (await this.#lines.next()) as { value?: string };
    return value ?? 'gone';
  }

  /** Sends a request and reads the answer as the module does. */
  ask(request: string, seconds = 5): Promise<string> {
    return this.perform(`ask ${seconds} ${request}`);
  }

  /** Starts the program by a first request, whose answer the module never understands, and waits until all is calm. */
  async warmUp(): Promise<void> {
    const end = Date.now() + WARM_UP_MILLISECONDS;
    for (let calm = 0; calm < 2;) {
      if (Date.now() > end) throw new Error('expected the program to answer at last');
      calm = (await this.ask('isuser:warm:up', 1)) === 'accepted' ? calm + 1 : 0;
      // As long as the terminal echoes, each answer comes at once.
      if (calm === 0) await sleep(50);
    }
  }

  /** Kills the process that stands for Prosody, and all that it started and that lives on. */
  end(): void {
    // Process 0 would be everybody's ancestor.
    if (this.#lua.pid === undefined) return;
    const own = [this.pid, ...descendantsOf(this.pid)];
    for (const pid of own) kill(pid);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
