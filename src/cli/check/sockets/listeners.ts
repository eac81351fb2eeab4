import { readdirSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs';
import { basename, dirname } from 'node:path';

/** A listening Unix socket that was made with the path of another one, or will be found there. */
export interface UnixListener {
  /** The processes that hold it, as far as this user may see them. */
  readonly pids: readonly number[];
}

/** The kernel's __SO_ACCEPTCON: the socket listens. */
const LISTENS = 0x10000;
/** xtokend makes a socket in a private directory beside its place, and the kernel keeps that name. */
const PRIVATE_DIRECTORY = /^\.xtokend-[A-Za-z0-9]{6}$/;

/**
 * Finds all listening sockets of the name of one, in this network namespace (proc(5), /proc/net/unix). Only the last one can be
 * reached by the path; but whoever connected to an earlier one still talks to that.
 */
export function listenersOn(path: string): UnixListener[] {
  const holders = new Map(inodesOf(path).map((inode) => [inode, [] as number[]]));
  if (holders.size > 1) addHolders(holders, dirname(path));
  // Root sees all processes, so what nobody holds is in a container with files of its own.
  const isSure = process.geteuid?.() === 0 && holders.size > 1;
  return [...holders.values()].filter((pids) => !isSure || pids.length > 0).map((pids) => ({ pids }));
}

function addHolders(holders: ReadonlyMap<string, number[]>, directory: string): void {
  for (const pid of processes()) {
    for (const inode of socketsOf(pid)) {
      if (holders.has(inode) && isSameFolder(`/proc/${pid}/root${directory}`, directory))
        holders.get(inode)?.push(pid);
    }
  }
}

function inodesOf(path: string): string[] {
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n').slice(1);
  return lines.flatMap((line) => {
    const [, , , flags = '', , , inode = '', ...name] = line.split(/ +/);
    const isListening = (Number.parseInt(flags, 16) & LISTENS) !== 0;
    return isListening && isNameOf(name.join(' '), path) ? [inode] : [];
  });
}

function isNameOf(name: string, path: string): boolean {
  if (!name.startsWith('/') || basename(name) !== basename(path)) return false;
  const directory = dirname(name);
  const place = PRIVATE_DIRECTORY.test(basename(directory)) ? dirname(directory) : directory;
  return isSameFolder(place, dirname(path));
}

function isSameFolder(a: string, b: string): boolean {
  const [one, other] = [a, b].map((directory) => lookAt(directory));
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function processes(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

/** @returns the inodes of the sockets that a process has open; none if it is gone, or another user's */
function socketsOf(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).flatMap((fd) => socketAt(`${directory}/${fd}`) ?? []);
  } catch {
    return [];
  }
}

function socketAt(link: string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1];
  } catch {
    // It was closed meanwhile.
    return undefined;
  }
}
