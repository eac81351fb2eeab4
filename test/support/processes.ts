import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentOf } from '../../src/system/processes.js';

const START_MILLISECONDS = 30_000;
const STOP_MILLISECONDS = 5000;

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

/** Whether a process has a handler for a signal, by its number. */
export function catchesSignal(pid: number, signal: number): boolean {
  const [, caught = '0'] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (BigInt(`0x${caught}`) >> BigInt(signal - 1)) % 2n === 1n;
}

/** Blocks until a process has a handler for a signal, by its number. While a process starts, every millisecond counts. */
export function waitForHandler(pid: number, signal: number): void {
  const end = Date.now() + START_MILLISECONDS;
  while (!catchesSignal(pid, signal)) {
    if (Date.now() > end) throw new Error(`expected a handler for signal ${signal} in process ${pid}`);
  }
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

/** Whether a child process is gone. */
export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Tells a child process to stop, and kills it where it does not; returns once it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MILLISECONDS);
  await exit;
  clearTimeout(timer);
}
