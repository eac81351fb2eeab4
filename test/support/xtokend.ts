import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The program as it is installed. */
export const PROGRAM: string = fileURLToPath(new URL('../../bin/xtokend', import.meta.url));

/** What became of a program that has ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a program is run with. */
export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: NodeJS.ProcessEnv;
  readonly program?: string;
  readonly cwd?: string;
}

/** Runs xtokend to its end. */
export function xtokend(
  args: readonly string[],
  { input = '', env = {}, program = PROGRAM, cwd }: RunOptions = {},
): Ended {
  return spawnSync(program, args, { input, encoding: 'utf8', env: environment(env), cwd, timeout: 30_000 });
}

/** Starts xtokend, or a program that starts it, and leaves it running. */
export function startXtokend(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  program: string = PROGRAM,
): ChildProcessWithoutNullStreams {
  return spawn(program, args, { env: environment(env) });
}

function environment(extra: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    STATE_DIRECTORY: process.env['STATE_DIRECTORY'],
    TZ: 'UTC',
    ...extra,
  };
}
