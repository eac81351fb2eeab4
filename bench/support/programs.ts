import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../../test/support/daemon/daemon.js';
import { SECRETS } from '../../test/support/keys.js';
import { accepts } from '../../test/support/system/ports.js';
import { end } from '../../test/support/system/processes.js';
import { defer, temporaryDirectory } from './clean-up.js';

/** Skips a part, except in CI. */
export class MissingProgramError extends Error {}

const START_MILLISECONDS = 5000;

/** A program that listens on a Unix socket. */
export interface Listener {
  readonly path: string;
  readonly pid: number;
}

const compiled = new Map<string, string>();

/** Compiles the C programs for {@link programPath}. */
export function compilePrograms(): void {
  const directory = temporaryDirectory();
  for (const name of ['client', 'echo']) {
    const path = join(directory, name);
    const args = ['-O2', '-Wall', '-Wextra', '-o', path, `bench/${name}.c`, '-lutil'];
    const { error, status, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
    if (error !== undefined) throw new Error("expected gcc: install Debian's gcc and libc6-dev");
    if (status !== 0) throw new Error(`expected gcc to compile ${name}.c: ${stderr}`);
    compiled.set(name, path);
  }
}

export function programPath(name: 'client' | 'echo'): string {
  return compiled.get(name) ?? '';
}

/** Returns a configuration as in production, with a log file, metrics and a replay cache. */
export function configuration(replay: string): string {
  const directory = temporaryDirectory();
  return `${SECRETS}
[log]
target = "file:${join(directory, 'log')}"
[metrics]
listen = "unix:${join(directory, 'metrics.sock')}"
[replay]
${replay}
`;
}

/** Returns settings for a replay cache in a new directory. */
export function cacheIn(parent?: string): string {
  return `store = "journal"\npath = "${temporaryDirectory(parent)}"`;
}

export function writeConfiguration(text: string): string {
  const path = join(temporaryDirectory(), 'xtokend.toml');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** @param tables settings after the table of the replay cache */
export async function startDaemon(replay: string, tables = ''): Promise<Listener> {
  const daemon = new Daemon(configuration(replay) + tables);
  defer(() => daemon.remove());
  await daemon.start();
  return { path: daemon.socketPath, pid: daemon.pid };
}

/** Starts a program that takes the path of its socket as the last argument. */
export async function startListener(program: string, ...args: readonly string[]): Promise<Listener> {
  const path = join(temporaryDirectory(), 'echo.sock');
  const child = spawn(program, [...args, path], { stdio: 'ignore' });
  defer(() => end(child));
  const deadline = Date.now() + START_MILLISECONDS;
  while (!(await accepts({ path }))) {
    if (Date.now() > deadline) throw new Error(`expected ${program} to listen`);
    await sleep(5);
  }
  return { path, pid: child.pid ?? 0 };
}
