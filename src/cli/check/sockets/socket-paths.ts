import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readProsody } from '../prosody/configuration.js';
import type { Situation } from '../situation.js';

const DEFAULT_SOCKET = '/run/xtokend/xtokend.sock';
/** The first that is there counts (systemd.unit(5)). */
const UNIT_FOLDERS = ['/etc', '/run', '/usr/local/lib', '/usr/lib'].map(
  (directory) => `${directory}/systemd/system`,
);
const UNIT = 'xtokend.socket';

/** A socket on which xtokend is to be found. */
export interface SocketPath {
  readonly path: string;
  /** Whether somebody said that it is there, and that Prosody is to reach it. */
  readonly isExpected: boolean;
  /** Whether our module for Prosody asks there, which speaks generic only. */
  readonly isForModule?: boolean;
}

/** Finds the sockets: the one that is named, else those that Prosody asks, else those that are usual. */
export function findSockets(situation: Situation): SocketPath[] {
  const { named } = situation;
  if (named.socket !== undefined) return [{ path: named.socket, isExpected: true }];
  const asked = askedByProsody(situation);
  if (asked.length > 0) return asked.map((path) => ({ path, isExpected: true, isForModule: true }));
  const usual = new Set([DEFAULT_SOCKET, ...listedInUnit()]);
  return [...usual].filter((path) => existsSync(path)).map((path) => ({ path, isExpected: false }));
}

function askedByProsody(situation: Situation): string[] {
  const prosody = readProsody(situation);
  if (prosody === undefined || 'fault' in prosody) return [];
  const hosts = prosody.hosts.filter(({ setting }) => setting('authentication') === 'xtoken');
  return [...new Set(hosts.map(({ setting }) => setting('xtoken_socket') ?? DEFAULT_SOCKET))];
}

function listedInUnit(): string[] {
  const unit = UNIT_FOLDERS.map((directory) => join(directory, UNIT)).find((file) => existsSync(file));
  const dropIns = UNIT_FOLDERS.map((directory) => join(directory, `${UNIT}.d`)).filter((directory) =>
    existsSync(directory),
  );
  const files = [
    ...(unit === undefined ? [] : [unit]),
    ...dropIns.flatMap((directory) => readdirSync(directory).map((file) => join(directory, file))),
  ];
  return files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    // Prosody speaks generic only.
    if (/^FileDescriptorName *= *ejabberd/m.test(text)) return [];
    return [...text.matchAll(/^ListenStream *= *(\/\S+)/gm)].map(([, path = '']) => path);
  });
}
