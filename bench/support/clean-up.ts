import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setup } from '../../test/support/machine.js';
import { descendantsOf } from '../../test/support/processes.js';

const stops = new Set<() => Promise<void>>();

/** Does something, and stops what it was done with, whatever became of it. */
export async function thenStopped<Result>(
  stop: () => Promise<void>,
  action: () => Promise<Result>,
): Promise<Result> {
  stops.add(stop);
  try {
    return await action();
  } finally {
    stops.delete(stop);
    await stop();
  }
}

/** Lends a new directory, on disk or on another file system, and removes it. */
export function withFolder<Result>(
  action: (directory: string) => Promise<Result>,
  parent: string = tmpdir(),
): Promise<Result> {
  const directory = mkdtempSync(join(parent, 'xtokend-bench-'));
  return thenStopped(
    () => rm(directory, { recursive: true, force: true }),
    () => action(directory),
  );
}

/** Lends a state directory, on a machine that has been up long enough for tokens to be accepted. */
export async function withState(action: () => Promise<void>): Promise<void> {
  const remove = await setup();
  return thenStopped(remove, action);
}

/** Runs a bench to its end. Nothing that it started stays, however it ends. */
export async function runToEnd(main: () => Promise<void>): Promise<never> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(1));
  // Whoever has read enough, such as head(1), is gone.
  process.stdout.once('error', () => void end(1));
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return end(1);
  }
  return end(0);
}

async function end(status: number): Promise<never> {
  // The last that was started goes first.
  for (const stop of [...stops].reverse()) await stop();
  for (const pid of descendantsOf(process.pid)) process.kill(pid, 'SIGKILL');
  process.exit(status);
}

/** Tells a person something. */
export function say(lines: string): void {
  process.stdout.write(`${lines}\n`);
}
