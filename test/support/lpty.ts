import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { parentOf } from '../../src/operations/processes.js';

const HARNESS = fileURLToPath(new URL('../terminal/lpty-harness.lua', import.meta.url));

/** Whether Debian's lua5.2 and lua-lpty are there. */
export function hasLpty(): boolean {
  return spawnSync('lua5.2', ['-e', 'require "lpty"']).status === 0;
}

/** A program on a terminal of lpty, driven as Prosody's stock external module does (see lpty-harness.lua). */
export class LptyHarness {
  readonly #lua: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, env: NodeJS.ProcessEnv) {
    this.#lua = spawn('/usr/bin/lua5.2', [HARNESS, command], { env: { PATH: process.env['PATH'], ...env } });
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
    let calm = 0;
    for (let asked = 0; asked < 20; asked += 1) {
      calm = (await this.ask('isuser:warm:up', 1)) === 'accepted' ? calm + 1 : 0;
      if (calm === 2) return;
    }
    throw new Error('expected the program to answer at last');
  }

  /** Kills the process that stands for Prosody, and all that it started and that lives on. */
  end(): void {
    const own = [this.pid, ...descendantsOf(this.pid)];
    for (const pid of own) kill(pid);
  }
}

/** Starts a program on a terminal of lpty, until the test ends. */
export function openLpty(command: string, env: NodeJS.ProcessEnv): LptyHarness {
  const harness = new LptyHarness(command, env);
  onTestFinished(() => {
    harness.end();
  });
  return harness;
}

/** @returns the processes that a process started, and those that these started */
export function descendantsOf(pid: number): number[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const children = all.filter((child) => parentOf(child) === pid && !isZombie(child));
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

/** @returns whichever of some processes still live after a time at the most */
export async function survivorsOf(pids: readonly number[], milliseconds: number): Promise<number[]> {
  const end = Date.now() + milliseconds;
  let alive = pids.filter(isAlive);
  while (alive.length > 0 && Date.now() < end) {
    await sleep(20);
    alive = alive.filter(isAlive);
  }
  return alive;
}

/** @returns the first of some processes that runs a program of this name */
export function findProgram(pids: readonly number[], name: string): number {
  const found = pids.find((pid) => commandLineOf(pid).split('\0', 1)[0]?.endsWith(name));
  if (found === undefined)
    throw new Error(`expected a process ${name} among ${pids.map(commandLineOf).join(', ')}`);
  return found;
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  return parentOf(pid) !== undefined && !isZombie(pid);
}

function isZombie(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
