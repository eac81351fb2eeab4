import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentOf } from '../../../src/system/processes.js';

const START_MILLISECONDS = 30_000;
const STOP_MILLISECONDS = 5000;

/** Returns all processes. */
function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Returns the processes whose command lines contain a text. */
export function processesWith(text: string): number[] {
  return allProcesses().filter((pid) => commandLineOf(pid).includes(text));
}

/** Returns all descendants of a process. */
export function descendantsOf(pid: number): number[] {
  const parents = allProcesses().map((process) => [process, parentOf(process)] as const);
  const below = (ancestor: number): number[] =>
    parents
      .filter(([child, parent]) => parent === ancestor && !isZombie(child))
      .flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

/** Waits until some processes have ended, for a time at most. Returns those that are still running. */
export async function survivorsOf(pids: readonly number[], milliseconds: number): Promise<number[]> {
  const end = Date.now() + milliseconds;
  let alive = pids.filter(isAlive);
  while (alive.length > 0 && Date.now() < end) {
    await sleep(20);
    alive = alive.filter(isAlive);
  }
  return alive;
}

/** Returns the first of some processes that runs a program. @throws if none does */
export function findProgram(pids: readonly number[], name: string): number {
  const found = pids.find((pid) => commandLineOf(pid).split('\0', 1)[0]?.endsWith(name));
  if (found === undefined)
    throw new Error(`expected a process ${name} among ${pids.map(commandLineOf).join(', ')}`);
  return found;
}

/**
 * Returns whether a process has a handler for a signal.
 *
 * @param signal its number
 * @param masks the fields of /proc/PID/status to look in; SigIgn has the signals that it ignores
 */
export function catchesSignal(pid: number, signal: number, masks: readonly string[] = ['SigCgt']): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return masks.some((name) => {
    const [, mask = '0'] = new RegExp(`^${name}:\\s*(\\w+)$`, 'm').exec(status) ?? [];
    return (BigInt(`0x${mask}`) >> BigInt(signal - 1)) % 2n === 1n;
  });
}

/** Blocks until a process has a handler for a signal, without yielding. @param signal its number */
export function waitForHandler(pid: number, signal: number): void {
  const end = Date.now() + START_MILLISECONDS;
  while (!catchesSignal(pid, signal)) {
    if (Date.now() > end) throw new Error(`expected a handler for signal ${signal} in process ${pid}`);
  }
}

/** Returns the arguments of a process, each ended by a null byte; an empty string if it has ended. */
export function commandLineOf(pid: number): string {
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

/** Returns whether a child process has ended. */
export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Sends SIGTERM to a child process, and SIGKILL if that does not end it. Returns when it has ended. */
export async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MILLISECONDS);
  await exit;
  clearTimeout(timer);
}
