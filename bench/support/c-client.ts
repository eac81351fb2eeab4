import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { descendantsOf, end, findProgram } from '../../test/support/processes.js';
import type { Client, Turns } from './client.js';

/** How a program is reached. */
export type Way =
  | { readonly transport: 'socket'; readonly path: string; readonly pid: number }
  | { readonly transport: 'pipe' | 'terminal'; readonly command: readonly string[] };

/** What {@link CClient} works with. */
export interface CClientOptions {
  readonly program: string;
  /** Where its files lie. */
  readonly directory: string;
  readonly way: Way;
  readonly env?: NodeJS.ProcessEnv;
}

let files = 0;

/** bench/c/client.c, which asks a program and takes the time. */
export class CClient implements Client {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #requests: string;
  readonly #results: string;
  #isGone = false;

  constructor({ program, directory, way, env = {} }: CClientOptions) {
    const args = way.transport === 'socket' ? [way.path] : way.command;
    const child = spawn(program, [way.transport, ...args], {
      env: { PATH: process.env['PATH'], STATE_DIRECTORY: process.env['STATE_DIRECTORY'], ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.on('exit', () => (this.#isGone = true));
    this.#process = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    files += 1;
    this.#requests = join(directory, `requests-${files}`);
    this.#results = join(directory, `results-${files}`);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The process that it started on a pipe. */
  get programPid(): number {
    return findProgram(descendantsOf(this.pid), 'node');
  }

  /** @returns the milliseconds from the start of the program to its first answer */
  async first(request: string): Promise<number> {
    const [nanoseconds, decision] = (await this.#perform(`first ${request}`)).split(' ');
    if (decision !== '1') throw new Error(`expected the first answer to be 1, found ${String(decision)}`);
    return Number(nanoseconds) / 1e6;
  }

  async turns(requests: string): Promise<Turns> {
    writeFileSync(this.#requests, requests);
    const counts = await this.#perform(`turns ${this.#requests} ${this.#results}`);
    const [accepted = 0, refused = 0, other = 0] = counts.split(' ').map(Number);
    const bytes = readFileSync(this.#results);
    const nanoseconds = new Uint32Array(new Uint8Array(bytes).buffer);
    return { nanoseconds, accepted, refused, other };
  }

  /** Asks all at once. @returns the answers as they came, and the seconds that it took */
  async rateLimiter(requests: string): Promise<{ answers: string; seconds: number }> {
    writeFileSync(this.#requests, requests);
    const nanoseconds = await this.#perform(`flood ${this.#requests} ${this.#results}`);
    return { answers: readFileSync(this.#results, 'latin1'), seconds: Number(nanoseconds) / 1e9 };
  }

  async close(): Promise<void> {
    this.#process.stdin?.end();
    if (!this.#isGone) await new Promise((resolve) => this.#process.once('exit', resolve));
    await end(this.#process);
    for (const file of [this.#requests, this.#results]) rmSync(file, { force: true });
  }

  async #perform(command: string): Promise<string> {
    this.#process.stdin?.write(`${command}\n`);
    const { value } = (await this.#lines.next()) as { value?: string };
    if (value === undefined)
      throw new Error(`expected the client to do "${command.slice(0, 60)}": it is gone`);
    return value;
  }
}
