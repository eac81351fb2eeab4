import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  renameSync,
  rmSync,
  type BigIntStats,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { codeOf, messageOf, XtokendError } from '../errors.js';
import { findGroup } from '../system/accounts.js';
import { describeListeners, isSystemd, listenersAt } from '../system/socket-holders.js';
import { findExposure } from '../system/trusted-path.js';
import { makePrivateDirectory, PRIVATE_NAME_BYTES } from './private-directory.js';

/** Where a Unix socket is, and who may connect to it. */
export interface UnixAddress {
  readonly path: string;
  /** The permissions of the socket file; to connect takes the right to write (unix(7)). */
  readonly mode: number;
  /** The name or number of the group that owns the file; otherwise it is that of the process. */
  readonly group?: string | undefined;
}

/** A socket that cannot be opened: `code` is `'cannot-listen'`. */
export class ListenError extends XtokendError {
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super('cannot-listen', `cannot listen on ${path}: ${reason}`, options);
  }
}

/** Receives what happens to the path of a socket: a message for the log. */
export interface SocketEvents {
  /** The file was removed. Existing connections continue to work. */
  readonly onRemoved: (message: string) => void;
  /** Another process has the path. Called once, with fields for the log that name the process, if it can be seen. */
  readonly onReplaced: (message: string, fields: Readonly<Record<string, string | number>>) => void;
}

/** A Unix socket that this process has opened. */
export interface ListeningSocket {
  readonly server: Server;
  /** Checks once a second whether the path still leads to this socket. @returns a function that stops that */
  readonly watch: (events: SocketEvents) => () => void;
  /** Removes the socket file, if it is still this one. */
  readonly remove: () => void;
}

/** sockaddr_un holds 108 bytes with the final zero; Node cuts off the rest without an error. */
const MAX_PATH_BYTES = 107;
const WATCH_MILLISECONDS = 1000;

/**
 * Opens a Unix socket. Replaces a socket file that a dead process left behind, and nothing else.
 *
 * @param server listens on it
 * @throws {@link ListenError}
 */
export async function listenUnix(
  address: UnixAddress,
  server: Server = createServer({ allowHalfOpen: true }),
): Promise<ListeningSocket> {
  const { path } = address;
  assertLength(path);
  assertPrivate(path);
  const isStale = await isStaleSocket(path);
  try {
    const file = await make(address, server, isStale);
    const remove = (): void => {
      if (stateOf(path, file) === 'own') rmSync(path, { force: true });
    };
    return { server, watch: (events) => watch(path, file, events), remove };
  } catch (error) {
    server.close();
    throw new ListenError(path, explain(error, path), { cause: error });
  }
}

function assertLength(path: string): void {
  const longest = MAX_PATH_BYTES - PRIVATE_NAME_BYTES;
  const length = Buffer.byteLength(path);
  if (length <= longest) return;
  throw new ListenError(path, `expected a path of ${longest} bytes at most, found ${length}`);
}

/** A user who can change the directory could put a socket there that collects tokens. */
function assertPrivate(path: string): void {
  const directory = dirname(path);
  // Created later, it could belong to another user.
  if (!existsSync(directory)) throw new ListenError(path, explainMissing(directory));
  const exposure = findExposure(directory);
  if (exposure === undefined) return;
  const { message, fix } = exposure;
  throw new ListenError(
    path,
    `expected a directory that only root and this user can change, but ${message}; fix: ${fix}`,
  );
}

/**
 * Makes the socket in a directory that only this user can enter, and moves it to its place with its final permissions. Nobody
 * can put a link in its place there, so setting its mode and group by path is safe.
 *
 * @returns the file in its place
 */
async function make(address: UnixAddress, server: Server, isStale: boolean): Promise<BigIntStats> {
  const { path, group, mode } = address;
  const directory = makePrivateDirectory(dirname(path));
  try {
    const file = join(directory, basename(path));
    await bind(server, file);
    if (group !== undefined) giveTo(group, file);
    chmodSync(file, mode);
    if (isStale) renameSync(file, path);
    // Fails if a file has been made there meanwhile.
    else linkSync(file, path);
    return lstatSync(path, { bigint: true });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Returns whether there is a socket on which no process answers.
 *
 * @throws {@link ListenError} if there is anything else
 */
async function isStaleSocket(path: string): Promise<boolean> {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return false;
  if (!file.isSocket()) {
    throw new ListenError(path, 'expected a socket or nothing there, found another file; move it away');
  }
  const refusal = await new Promise<unknown>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(undefined);
    }).on('error', (error) => {
      resolve(codeOf(error));
    });
  });
  if (refusal === 'ECONNREFUSED') return true;
  throw new ListenError(
    path,
    refusal === 'EACCES'
      ? 'this user may not connect to the socket there, so it may be in use; if it is not, remove it'
      : explainInUse(path),
  );
}

async function bind(server: Server, path: string): Promise<void> {
  // The file is made before listen() returns.
  const umask = process.umask(0o177);
  server.listen(path);
  process.umask(umask);
  await once(server, 'listening');
}

function giveTo(group: string, file: string): void {
  const gid = findGroup(group) ?? Number(/^\d+$/.exec(group)?.[0]);
  if (Number.isNaN(gid)) {
    throw new Error(`there is no group ${group}; create it, or choose another one`);
  }
  try {
    lchownSync(file, -1, gid);
  } catch (error) {
    throw new Error(
      `cannot give the socket to the group ${group} (${messageOf(error)}); add this user to the group`,
      { cause: error },
    );
  }
}

function watch(path: string, file: BigIntStats, { onRemoved, onReplaced }: SocketEvents): () => void {
  let before = 'own';
  const timer = setInterval(() => {
    const state = stateOf(path, file);
    if (state === 'removed' && before !== 'removed') {
      onRemoved('socket file removed by another process; nobody can connect until xtokend is restarted');
    }
    before = state;
    if (state !== 'replaced') return;
    clearInterval(timer);
    onReplaced('socket replaced by another process; closing this listener', replacerOf(path));
  }, WATCH_MILLISECONDS).unref();
  return () => {
    clearInterval(timer);
  };
}

/** Returns the process that has opened a socket at a path last, or systemd. */
function replacerOf(path: string): Readonly<Record<string, string | number>> {
  const others = listenersAt(path)
    .flat()
    .filter(({ pid }) => pid !== process.pid);
  const [latest] = others.sort(
    (a, b) => Number(isSystemd(b)) - Number(isSystemd(a)) || b.startedAt - a.startedAt,
  );
  return latest === undefined ? {} : { pid: latest.pid, command: latest.name };
}

/** Compares inodes: while the socket is open, no other file has its inode. */
function stateOf(path: string, file: BigIntStats): 'own' | 'removed' | 'replaced' {
  try {
    const { ino, dev } = lstatSync(path, { bigint: true });
    return ino === file.ino && dev === file.dev ? 'own' : 'replaced';
  } catch (error) {
    // Other errors do not show whether the file is there.
    return ['ENOENT', 'ENOTDIR'].includes(String(codeOf(error))) ? 'removed' : 'own';
  }
}

function explain(error: unknown, path: string): string {
  const directory = dirname(path);
  if (!existsSync(directory)) return explainMissing(directory);
  // linkSync() in make().
  if (codeOf(error) === 'EEXIST') return explainInUse(path);
  if (['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(String(codeOf(error)))) {
    return `this user cannot make a file in ${directory}; change its owner or mode, or choose another directory`;
  }
  return messageOf(error);
}

function explainInUse(path: string): string {
  const { who, stop } = describeListeners(path);
  if (who !== undefined) return `${who} already listens there: ${stop}, or choose another path`;
  return `another process, which this user may not see, already listens there: ${stop}, and end it, or choose another path`;
}

function explainMissing(directory: string): string {
  return `there is no directory ${directory}; make it, so that this user can write there`;
}
