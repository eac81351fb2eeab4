import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { descendantsOf } from '../../test/support/system/processes.js';

const cleanups: (() => Promise<void>)[] = [];

/** Registers what to do when the current {@link scope} ends. */
export function defer(cleanup: () => Promise<void>): void {
  cleanups.push(cleanup);
}

/** Runs an action, and then whatever it deferred, the last first. */
export async function scope<Result>(action: () => Promise<Result>): Promise<Result> {
  const mark = cleanups.length;
  try {
    return await action();
  } finally {
    await cleanUp(mark);
  }
}

async function cleanUp(mark: number): Promise<void> {
  while (cleanups.length > mark) await cleanups.pop()?.();
}

/** Creates a directory that is removed at the end of the current {@link scope}. */
export function temporaryDirectory(parent: string = tmpdir()): string {
  const directory = mkdtempSync(join(parent, 'xtokend-bench-'));
  defer(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs the benchmarks and exits; cleans up on errors and signals too. */
export async function runToEnd(main: () => Promise<void>): Promise<never> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void exit(1));
  // A reader such as head(1) can close the pipe early.
  process.stdout.once('error', () => void exit(1));
  try {
    await scope(main);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return exit(1);
  }
  return exit(0);
}

async function exit(status: number): Promise<never> {
  await cleanUp(0);
  for (const pid of descendantsOf(process.pid)) process.kill(pid, 'SIGKILL');
  process.exit(status);
}

export function print(lines: string): void {
  process.stdout.write(`${lines}\n`);
}
