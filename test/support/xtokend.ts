import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { collectLog, collectLogFrom } from './run/collected-logs.js';

/** The path of the program. */
export const PROGRAM: string = fileURLToPath(new URL('../../bin/xtokend', import.meta.url));

/** The result of a program. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The parameters of a program. */
export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: NodeJS.ProcessEnv;
  readonly program?: string;
  readonly cwd?: string;
}

/** Runs xtokend until it exits. */
export function xtokend(
  args: readonly string[],
  { input = '', env = {}, program = PROGRAM, cwd }: RunOptions = {},
): Ended {
  const options = { input, encoding: 'utf8', env: environment(env), cwd, timeout: 50_000 } as const;
  const ended = spawnSync(program, args, options);
  collectLog(ended.stderr);
  return ended;
}

/** Runs xtokend until it exits, without blocking this process, which can serve it meanwhile. */
export async function runXtokend(args: readonly string[], { input = '' }: RunOptions = {}): Promise<Ended> {
  const child = startXtokend(args);
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { status, stdout, stderr };
}

/** Starts xtokend, or a program that starts it. */
export function startXtokend(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  program: string = PROGRAM,
): ChildProcessWithoutNullStreams {
  const child = spawn(program, args, { env: environment(env) });
  collectLogFrom(child.stderr);
  return child;
}

/** Returns the environment of xtokend in tests. */
export function environment(extra: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    STATE_DIRECTORY: process.env['STATE_DIRECTORY'],
    TZ: 'UTC',
    ...extra,
  };
}
