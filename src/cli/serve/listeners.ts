import { isAbsolute } from 'node:path';
import { protocols, type ProtocolOption } from '../../protocol/detection.js';
import type { Listener } from '../../server/sockets.js';
import { UsageError } from '../shared/usage-error.js';

/** The owner and the group may connect. */
const DEFAULT_MODE = 0o660;
const SYNTAX = 'unix:/path[,mode=0660][,group=NAME][,protocol=auto|generic|ejabberd|native]';

/**
 * Parses the value of `--listen`.
 *
 * @param text such as `unix:/run/xtokend/xtokend.sock,group=prosody`
 * @param protocol the protocol if the text names none
 * @throws {@link UsageError}
 */
export function parseListenOption(text: string, protocol: ProtocolOption): Listener {
  const [address = '', ...settings] = text.split(',');
  const path = address.replace(/^unix:/, '');
  if (path === address || !isAbsolute(path)) throw syntaxError(text, 'an absolute path after unix:');
  const named = new Map(settings.map(splitAtEquals));
  const mode = named.get('mode');
  const group = named.get('group');
  const name = named.get('protocol') ?? protocol;
  for (const setting of named.keys()) {
    if (!['mode', 'group', 'protocol'].includes(setting)) throw syntaxError(text, 'mode, group or protocol');
  }
  if (mode !== undefined && !/^0?[0-7]{3}$/.test(mode)) throw syntaxError(text, 'a mode such as 0660');
  if (group === '') throw syntaxError(text, 'the name of a group');
  if (!isProtocolOption(name)) throw syntaxError(text, 'the protocol auto, generic, ejabberd or native');
  return {
    path,
    mode: mode === undefined ? DEFAULT_MODE : Number.parseInt(mode, 8),
    group,
    protocol: protocols[name],
  };
}

function splitAtEquals(setting: string): [string, string] {
  const [name = '', ...value] = setting.split('=');
  return [name, value.join('=')];
}

function isProtocolOption(text: string): text is ProtocolOption {
  return Object.hasOwn(protocols, text);
}

function syntaxError(text: string, expected: string): UsageError {
  return new UsageError(`--listen ${text}: expected ${expected}; the syntax is ${SYNTAX}`);
}

/** Stdin, stdout and stderr come before it (sd_listen_fds(3)). */
const FIRST_DESCRIPTOR = 3;
const MAX_SOCKETS = 64;

/**
 * Takes the sockets that systemd has opened (sd_listen_fds(3)), and removes their variables from the environment, so that
 * child processes do not use them.
 *
 * @param environment is changed
 * @param protocol the protocol if the name of a socket contains none
 * @returns none if the sockets are for another process
 * @throws {@link UsageError} if `LISTEN_FDS` is not a number
 */
export function takeInheritedListeners(
  environment: NodeJS.ProcessEnv,
  pid: number,
  protocol: ProtocolOption,
): Listener[] {
  const { LISTEN_PID: owner, LISTEN_FDS: count = '', LISTEN_FDNAMES: names } = environment;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'])
    Reflect.deleteProperty(environment, name);
  if (owner !== String(pid)) return [];
  if (!/^\d{1,3}$/.test(count) || Number(count) > MAX_SOCKETS) {
    throw new UsageError(
      `expected LISTEN_FDS to be a number of sockets up to ${MAX_SOCKETS}, found ${JSON.stringify(count)}`,
    );
  }
  const named = names?.split(':') ?? [];
  return Array.from({ length: Number(count) }, (_, index) => {
    const name = named[index] ?? 'unknown';
    return {
      descriptor: FIRST_DESCRIPTOR + index,
      label: `systemd:${name}`,
      protocol: protocols[protocolIn(name) ?? protocol],
    };
  });
}

/** Finds a protocol as a word of a name: of `FileDescriptorName=`, or of a unit such as `xtokend-ejabberd.socket`. */
function protocolIn(name: string): ProtocolOption | undefined {
  const words = name.split(/[^a-z]+/);
  return Object.keys(protocols)
    .filter(isProtocolOption)
    .find((protocol) => words.includes(protocol));
}
