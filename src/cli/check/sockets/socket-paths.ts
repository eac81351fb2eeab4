import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Situation } from '../situation.js';

const DEFAULT_SOCKET = '/run/xtokend/xtokend.sock';
/** The first that exists has precedence (systemd.unit(5)). */
const UNIT_DIRECTORIES = ['/etc', '/run', '/usr/local/lib', '/usr/lib'].map(
  (directory) => `${directory}/systemd/system`,
);
const UNIT = 'xtokend.socket';

/** A socket on which xtokend should listen. */
export interface SocketPath {
  readonly path: string;
  /** Whether the command line or Prosody's configuration names it, so that Prosody must reach it. */
  readonly isExpected: boolean;
  /** Whether our module for Prosody uses it, which only knows the native protocol. */
  readonly isForModule?: boolean;
}

/** Finds the sockets: the one on the command line, else those in Prosody's configuration, else the usual ones. */
export function findSockets({ named, prosody }: Situation): SocketPath[] {
  if (named.socket !== undefined) return [{ path: named.socket, isExpected: true }];
  const hosts = (prosody.configuration?.hosts ?? []).filter(
    ({ authentication }) => authentication === 'xtoken',
  );
  const asked = new Set(hosts.map(({ setting }) => setting('xtoken_socket') ?? DEFAULT_SOCKET));
  if (asked.size > 0) return [...asked].map((path) => ({ path, isExpected: true, isForModule: true }));
  const usual = new Set([DEFAULT_SOCKET, ...listedInUnit()]);
  return [...usual].filter((path) => existsSync(path)).map((path) => ({ path, isExpected: false }));
}

function listedInUnit(): string[] {
  const unit = UNIT_DIRECTORIES.map((directory) => join(directory, UNIT)).find((file) => existsSync(file));
  const dropIns = UNIT_DIRECTORIES.map((directory) => join(directory, `${UNIT}.d`))
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => readdirSync(directory).map((file) => join(directory, file)));
  return [...(unit === undefined ? [] : [unit]), ...dropIns].flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    // Prosody does not use the protocol of ejabberd.
    if (/^FileDescriptorName *= *ejabberd/m.test(text)) return [];
    return [...text.matchAll(/^ListenStream *= *(\/\S+)/gm)].map(([, path = '']) => path);
  });
}
