import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectionOf, DEFAULT_SOCKET } from '../prosody/started/started-daemon.js';
import type { Situation } from '../situation.js';

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
  /** Whether our module starts the xtokend that listens on it. */
  readonly isStarted?: boolean;
}

/** Finds the sockets: the one on the command line, else those in Prosody's configuration, else the usual ones. */
export function findSockets({ named, prosody, started }: Situation): SocketPath[] {
  if (named.socket !== undefined) return [{ path: named.socket, isExpected: true }];
  const hosts = (prosody.configuration?.hosts ?? []).filter(
    ({ authentication }) => authentication === 'xtoken',
  );
  const asked = new Set(
    hosts.map(connectionOf).flatMap((found) => {
      if (found.kind === 'command') return started?.socket ?? [];
      return found.kind === 'socket' ? [found.path] : [];
    }),
  );
  if (asked.size === 0) return findUsualSockets();
  return [...asked].map((path) => ({
    path,
    isExpected: true,
    isForModule: true,
    isStarted: path === started?.socket,
  }));
}

/** Finds the sockets of a daemon that no chat server starts. */
export function findUsualSockets(): SocketPath[] {
  const usual = new Set([DEFAULT_SOCKET, ...listedInUnit()]);
  return [...usual].filter((path) => existsSync(path)).map((path) => ({ path, isExpected: false }));
}

/** Returns the sockets that xtokend.socket opens. */
export function listedInUnit(): string[] {
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
