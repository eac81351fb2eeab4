import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { descendantsOf, end, hasEnded } from '../../test/support/system/processes.js';
import { defer, temporaryDirectory } from './clean-up.js';
import { programPath } from './programs.js';
import type { Outcome } from './requests.js';

export type Transport = 'pipe' | 'socket' | 'terminal';

/** Controls client.c, which sends requests and measures times; ends at the end of the current scope. */
export class Client {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #requests: string;
  readonly #results: string;

  /** @param target the path of a socket, or the program to start */
  constructor(transport: Transport, target: string, env: NodeJS.ProcessEnv = {}) {
    const directory = temporaryDirectory();
    [this.#requests, this.#results] = [join(directory, 'requests'), join(directory, 'results')];
    const child = spawn(programPath('client'), [transport, target], {
      env: { PATH: process.env['PATH'], STATE_DIRECTORY: process.env['STATE_DIRECTORY'], ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    defer(() => this.#close());
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The processes that it started. */
  get children(): number[] {
    return descendantsOf(this.pid);
  }

  /** Returns the milliseconds from the start of the program to its first answer. */
  async first(request: string): Promise<number> {
    const [nanoseconds, outcome] = (await this.#perform(`first ${request}`)).split(' ');
    if (outcome !== '1') throw new Error(`expected the first answer to be 1, found ${String(outcome)}`);
    return Number(nanoseconds) / 1e6;
  }

  /**
   * Sends each request after the answer to the previous one.
   *
   * @returns the nanoseconds of each
   * @throws if an outcome differs, because a wrong answer can be a fast one
   */
  async sequential(requests: string, outcome: Outcome = 'accepted'): Promise<Uint32Array> {
    const counts = await this.#send('sequential', requests);
    const [accepted = 0, refused = 0] = counts.split(' ').map(Number);
    const nanoseconds = new Uint32Array(new Uint8Array(readFileSync(this.#results)).buffer);
    if ((outcome === 'accepted' ? accepted : refused) === nanoseconds.length) return nanoseconds;
    throw new Error(
      `expected ${nanoseconds.length} to be ${outcome}; ${accepted} were accepted, ${refused} refused`,
    );
  }

  /** Sends all requests without waiting for answers. */
  async pipelined(requests: string): Promise<{ answers: string; seconds: number }> {
    const nanoseconds = await this.#send('pipelined', requests);
    return { answers: readFileSync(this.#results, 'latin1'), seconds: Number(nanoseconds) / 1e9 };
  }

  #send(command: string, requests: string): Promise<string> {
    writeFileSync(this.#requests, requests);
    const lines = requests.split('\n').length - 1;
    return this.#perform(`${command} ${this.#requests} ${this.#results} ${requests.length} ${lines}`);
  }

  async #perform(command: string): Promise<string> {
    this.#process.stdin?.write(`${command}\n`);
    const { value } = (await this.#lines.next()) as { value?: string };
    if (value === undefined) throw new Error(`client ended during "${command.slice(0, 60)}"`);
    return value;
  }

  async #close(): Promise<void> {
    this.#process.stdin?.end();
    if (!hasEnded(this.#process)) await once(this.#process, 'exit');
    await end(this.#process);
  }
}
