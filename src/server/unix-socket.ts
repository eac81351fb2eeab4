import { execFile } from 'node:child_process';
import { chmodSync, existsSync, linkSync, lstatSync, renameSync, rmSync, type BigIntStats } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, failureOf, messageOf, XtokendError } from '../errors.js';
import { findExposure } from '../system/trusted-path.js';
import { makePrivateDirectory, PRIVATE_NAME_BYTES } from './private-directory.js';

/** Where a Unix socket is, and who may connect to it. */
export interface UnixAddress {
  readonly path: string;
  /** The permissions of the socket file; connecting takes the right to write (unix(7)). */
  readonly mode: number;
  /** The name or number of the group that the file is given to; otherwise it is that of the process. */
  readonly group?: string | undefined;
}

/** A socket that cannot be opened: `code` is `'cannot-listen'`. */
export class ListenError extends XtokendError {
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super('cannot-listen', `cannot listen on ${path}: ${reason}`, options);
  }
}

/** A Unix socket that this process has made. */
export interface ListeningSocket {
  readonly server: Server;
  /** Whether its path still leads to it: another process can remove the file and make a socket of its own there. */
  readonly place: () => 'own' | 'gone' | 'replaced';
  /** Takes the socket file away, if it is still this one. */
  readonly remove: () => void;
}

/** sockaddr_un holds 108 bytes with the final zero; Node cuts off in silence what is longer. */
const MAX_PATH_BYTES = 107;

/**
 * Opens a Unix socket. A socket file that a dead process left behind is replaced; where somebody still answers, and where
 * something else than a socket lies there, it is left alone.
 *
 * @param server what is to listen there
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
    const made = await make(address, server, isStale);
    const remove = (): void => {
      if (placeOf(path, made) === 'own') rmSync(path, { force: true });
    };
    return { server, place: () => placeOf(path, made), remove };
  } catch (error) {
    server.close();
    throw new ListenError(path, explain(error, path), { cause: error });
  }
}

function assertLength(path: string): void {
  const longest = MAX_PATH_BYTES - PRIVATE_NAME_BYTES;
  if (Buffer.byteLength(path) > longest) {
    throw new ListenError(
      path,
      `expected a path of ${longest} bytes at most, found ${Buffer.byteLength(path)}`,
    );
  }
}

/** Whoever can change the directory could put a socket there that collects tokens, or have another file's mode changed. */
function assertPrivate(path: string): void {
  const folder = dirname(path);
  // Whoever made it later could be somebody else.
  if (!existsSync(folder)) throw new ListenError(path, explainMissing(folder));
  const exposure = findExposure(folder);
  if (exposure === undefined) return;
  const { message, fix } = exposure;
  throw new ListenError(
    path,
    `expected a directory that only root and this user can change, but ${message}; fix: ${fix}`,
  );
}

/**
 * Makes the socket in a directory that only this user can enter, and moves it to its place with the permissions that it is to
 * have. In there nobody can put a link in its place, so its mode and group can be set by its path.
 *
 * @returns the file in its place
 */
async function make(address: UnixAddress, server: Server, isStale: boolean): Promise<BigIntStats> {
  const { path, group, mode } = address;
  const directory = makePrivateDirectory(dirname(path));
  try {
    const fresh = join(directory, basename(path));
    await bind(server, fresh);
    if (group !== undefined) await giveTo(group, fresh);
    chmodSync(fresh, mode);
    if (isStale) renameSync(fresh, path);
    // Fails where somebody has made a file there meanwhile.
    else linkSync(fresh, path);
    return lstatSync(path, { bigint: true });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * @returns whether a socket lies there on which nobody answers, rather than nothing
 * @throws {@link ListenError} where anything else lies there
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
      ? 'this user may not connect to the socket there, so nobody knows whether it is in use; if not, remove it'
      : 'somebody answers there already; stop that process first, or choose another path',
  );
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // The file is made before listen() returns.
    const umask = process.umask(0o177);
    server.once('error', reject).listen(path, () => {
      server.off('error', reject);
      resolve();
    });
    process.umask(umask);
  });
}

/** By chgrp(1), since Node cannot look up the name of a group. */
async function giveTo(group: string, path: string): Promise<void> {
  try {
    await promisify(execFile)('chgrp', ['-h', '--', group, path]);
  } catch (error) {
    throw new Error(
      `it cannot be given to the group ${group}; is there one, and is this user in it? (chgrp: ${failureOf(error)})`,
      { cause: error },
    );
  }
}

/** As long as the socket is open, no other file has its inode. */
function placeOf(path: string, made: BigIntStats): 'own' | 'gone' | 'replaced' {
  try {
    const { ino, dev } = lstatSync(path, { bigint: true });
    return ino === made.ino && dev === made.dev ? 'own' : 'replaced';
  } catch (error) {
    // What this user may not see can't be judged.
    return ['ENOENT', 'ENOTDIR'].includes(String(codeOf(error))) ? 'gone' : 'own';
  }
}

function explain(error: unknown, path: string): string {
  const folder = dirname(path);
  if (!existsSync(folder)) return explainMissing(folder);
  if (['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(String(codeOf(error)))) {
    return `this user cannot make a file in ${folder}; change its owner or mode, or choose another directory`;
  }
  return messageOf(error);
}

function explainMissing(folder: string): string {
  return `there is no directory ${folder}; make it, so that this user can write there`;
}
