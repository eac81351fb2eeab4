import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../errors.js';
import type { UserRequest } from '../../protocol/request.js';
import { PasswordBackendError, type PasswordBackend } from '../backend.js';
import type { CommandSettings } from '../settings.js';
import { CommandPool } from './command-pool.js';
import { framings } from './framing.js';
import { spawnGroup } from './process-group.js';

/** Options of {@link openCommandBackend}. */
export interface CommandBackendOptions {
  /** The program gets `PATH`, `HOME`, `LANG`, `LC_*`, `TZ`, `USER` and `LOGNAME` of it; by default no variables. */
  readonly env?: Readonly<NodeJS.ProcessEnv>;
  /** Called with the program's stderr, which can contain passwords. By default, stderr is discarded. */
  readonly onStderr?: (bytes: Buffer) => void;
  /** Returns milliseconds of a monotonic clock. */
  readonly monotonic?: () => number;
  /** How long a child must be silent after its start and after each answer, in milliseconds. */
  readonly silence?: number;
}

/** Most answers of programs take longer, and a surplus answer mostly follows within it. */
const SILENCE_MILLISECONDS = 10;
/** How long `close` waits for the rest of stderr, in milliseconds. */
const STDERR_MILLISECONDS = 1000;

/**
 * Opens a back end that asks an external-auth program. Starts the program with the first request.
 *
 * A program that sends surplus answers could accept a password for a previous one. Therefore a child is asked only after 10 ms of
 * silence, and `accepted` is returned only after 10 ms of silence, or the end of the program's stdout. A surplus answer that comes
 * later, and meets a request that the program answers after 10 ms or more, can't be told from the answer.
 */
export function openCommandBackend(
  settings: CommandSettings,
  options: CommandBackendOptions = {},
): PasswordBackend {
  const { command, protocol, processes } = settings;
  const { env = {}, onStderr, monotonic = () => performance.now(), silence = SILENCE_MILLISECONDS } = options;
  const framing = framings[protocol];
  const stderrs: Promise<unknown>[] = [];
  const spawn = (): ChildProcess => {
    const child = spawnGroup({ command, env, hasStderr: onStderr !== undefined });
    if (child.stderr && onStderr !== undefined) {
      stderrs.push(once(child.stderr.on('data', onStderr), 'close').catch(() => undefined));
    }
    return child;
  };
  const pool = new CommandPool({ framing, processes, monotonic, silence, spawn });
  const ask = async (request: UserRequest, signal: AbortSignal, origin?: string): Promise<boolean> => {
    const bytes = framing.encode(request);
    if (bytes === undefined) return false;
    try {
      return await pool.ask(bytes, signal, origin);
    } catch (error) {
      throw new PasswordBackendError(`command ${command[0]}: ${messageOf(error)}`);
    }
  };
  return {
    name: 'command',
    verify: async ({ user, host, password }, signal, origin) =>
      (await ask({ operation: 'auth', user, host, password }, signal, origin)) ? 'accepted' : 'wrong',
    isUser: ({ user, host }, signal, origin) => ask({ operation: 'isuser', user, host }, signal, origin),
    close: async () => {
      await pool.close();
      await Promise.race([Promise.all(stderrs), sleep(STDERR_MILLISECONDS, undefined, { ref: false })]);
    },
  };
}
