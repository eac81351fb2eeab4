import { closeSync, openSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DEFAULT_FILE } from '../../../../config/locate.js';
import { attempt } from '../../machine/access.js';
import { findAccount, type Account } from '../../machine/accounts.js';
import { optionIn } from '../../service/find-service.js';
import type { ProsodyConfiguration, ProsodyHost } from '../configuration.js';
import { COMPUTED } from '../lua.js';
import { findProsodyProgram } from '../program.js';

/** The socket to which our module connects if no setting names another one, or a command. */
export const DEFAULT_SOCKET = '/run/xtokend/xtokend.sock';
const DEFAULT_DATA = '/var/lib/prosody';
const DIRECTORY = 'xtokend';
const SOCKET = 'xtokend.sock';

/** A setting with a command that our module can run. */
type CommandSetting = 'xtoken_command' | 'external_auth_command';

/** How our module reaches xtokend for a host. */
export type Connection =
  | { readonly kind: 'socket'; readonly path: string }
  /** It starts xtokend. `setting` names the setting with the path of the program and its options. */
  | { readonly kind: 'command'; readonly setting: CommandSetting; readonly command: readonly string[] }
  /** Lua code computes a setting. */
  | { readonly kind: 'computed' };

/** The xtokend that our module starts: one for all hosts of Prosody. */
export interface StartedDaemon {
  /** The hosts for which it is started. */
  readonly hosts: readonly ProsodyHost[];
  /** The setting with the command, and its value for the first of the hosts. */
  readonly setting: CommandSetting;
  readonly command: readonly string[];
  /** Prosody's user, as which it runs; `undefined` if this machine has no such user. */
  readonly account: Account | undefined;
  /** Its state directory, which also has its socket; `undefined` if Lua code computes `data_path`. */
  readonly directory: string | undefined;
  /** Its socket; `undefined` if the directory is unknown. */
  readonly socket: string | undefined;
  /** The configuration that it reads. */
  readonly file: string;
  /** Whether the command names that. Otherwise, it is the default, and Prosody's environment can name another one. */
  readonly isFileNamed: boolean;
}

/** Decides as our module does: a socket has precedence over a command, and that over the one of the stock module. */
export function connectionOf({ value }: ProsodyHost): Connection {
  const [socket, own, stock] = ['xtoken_socket', 'xtoken_command', 'external_auth_command'].map(value);
  if (socket === COMPUTED) return { kind: 'computed' };
  if (socket !== undefined) return { kind: 'socket', path: [socket].flat()[0] ?? DEFAULT_SOCKET };
  if (own === COMPUTED) return { kind: 'computed' };
  if (own !== undefined) return { kind: 'command', setting: 'xtoken_command', command: [own].flat() };
  if (stock === COMPUTED) return { kind: 'computed' };
  if (typeof stock === 'string' && isLauncher(stock))
    return { kind: 'command', setting: 'external_auth_command', command: [stock] };
  return { kind: 'socket', path: DEFAULT_SOCKET };
}

/** Finds the xtokend that our module starts. Returns `undefined` if it starts none. */
export function findStarted(
  prosody: ProsodyConfiguration | undefined,
  env: NodeJS.ProcessEnv,
): StartedDaemon | undefined {
  if (prosody === undefined) return undefined;
  const found = prosody.hosts
    .filter(({ authentication }) => authentication === 'xtoken')
    .flatMap((host) => {
      const connection = connectionOf(host);
      return connection.kind === 'command' ? [{ host, ...connection }] : [];
    });
  const [first] = found;
  if (first === undefined) return undefined;
  const { setting, command } = first;
  const data = dataDirectory(prosody, env);
  const option = optionIn(command, '--config');
  const directory = data === undefined ? undefined : join(data, DIRECTORY);
  return {
    hosts: found.map(({ host }) => host),
    setting,
    command,
    account: findAccount(prosody.user),
    directory,
    socket: directory === undefined ? undefined : join(directory, SOCKET),
    // Prosody changes to its data directory.
    file: resolve(data ?? DEFAULT_DATA, option ?? DEFAULT_FILE),
    isFileNamed: option !== undefined,
  };
}

/** The comment that marks the program is within this length. The module reads as many bytes. */
const LAUNCHER_BYTES = 512;
const MAX_SCRIPT_BYTES = 65_536;

/** Returns whether a file is the program xtokend, as our module decides: by the comment at its start. Follows links. */
export function isLauncher(path: string): boolean {
  const start = startOf(path, LAUNCHER_BYTES) ?? '';
  return start.startsWith('#!') && start.includes('\n# xtokend: ');
}

/** Returns whether a script can run xtokend: its text has that word, or this user cannot read it. */
export function mentionsXtokend(path: string): boolean {
  return startOf(path, MAX_SCRIPT_BYTES)?.includes('xtokend') !== false;
}

function startOf(path: string, bytes: number): string | undefined {
  return attempt(() => {
    const descriptor = openSync(path, 'r');
    try {
      const start = Buffer.alloc(bytes);
      return start.toString('latin1', 0, readSync(descriptor, start));
    } finally {
      closeSync(descriptor);
    }
  });
}

function dataDirectory({ global }: ProsodyConfiguration, env: NodeJS.ProcessEnv): string | undefined {
  const path = global('data_path');
  if (path === COMPUTED) return undefined;
  const own = findProsodyProgram(env)?.data ?? DEFAULT_DATA;
  return resolve(own, [path ?? []].flat()[0] ?? '');
}
