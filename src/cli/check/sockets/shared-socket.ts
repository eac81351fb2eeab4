import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { findings, type Finding } from '../finding.js';
import { attempt, statOf } from '../machine/access.js';

/** A process that holds a listening socket. */
interface Holder {
  readonly pid: number;
  readonly isStopped: boolean;
  readonly startedAt: number;
}

/** The kernel's __SO_ACCEPTCON: the socket listens. */
const LISTENS = 0x10000;
/** xtokend creates a socket in a private directory and then moves it, but the kernel keeps the first name. */
const PRIVATE_DIRECTORY = /^\.xtokend-[A-Za-z0-9]{6}$/;

/**
 * Finds other processes that listen at the path of a socket: a chat server that connected to one of them earlier stays there, and
 * gets the answers of another configuration and another replay cache.
 */
export function checkShared(path: string): Finding[] {
  const others = otherListeners(path);
  if (others === undefined) return [];
  const names = others.map(({ pid, isStopped }) => `process ${pid}${isStopped ? ' (stopped)' : ''}`);
  const who = names.length === 0 ? 'processes of other users' : names.join(', ');
  const message = `more than one process listens at ${path}: a chat server that connected earlier still asks ${who}`;
  const commands = others.map(({ pid, isStopped }) => `kill ${isStopped ? '-KILL ' : ''}${pid}`);
  const fix = commands.length === 0 ? 'run this as root to see which' : commands.join('; ');
  return [findings('socket').problem('socket-shared', message, fix)];
}

/** Returns all but the one to keep: that of systemd, else the youngest. Returns `undefined` if there is at most one. */
function otherListeners(path: string): Holder[] | undefined {
  const listeners = listenersOn(path).map((pids) => pids.flatMap((pid) => describeProcess(pid) ?? []));
  if (listeners.length < 2) return undefined;
  const isOfSystemd = (holders: readonly Holder[]): boolean => holders.some(({ pid }) => pid === 1);
  const age = (holders: readonly Holder[]): number => Math.max(...holders.map(({ startedAt }) => startedAt));
  const [, ...rest] = listeners.sort(
    (a, b) => Number(isOfSystemd(b)) - Number(isOfSystemd(a)) || age(b) - age(a),
  );
  return rest.flat();
}

/** Returns `undefined` if the process has ended. */
function describeProcess(pid: number): Holder | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // proc(5): the name in parentheses can hold anything.
  const [state, ...fields] = stat?.replace(/^.*\) /s, '').split(' ') ?? [];
  return stat === undefined ? undefined : { pid, isStopped: state === 'T', startedAt: Number(fields[18]) };
}

/**
 * Finds all listening sockets with the name of one, in this network namespace (proc(5), /proc/net/unix). Only the last one can be
 * reached by the path.
 *
 * @returns for each, the processes that hold it, as far as this user may see them
 */
function listenersOn(path: string): number[][] {
  const holders = new Map(inodesOf(path).map((inode) => [inode, [] as number[]]));
  if (holders.size > 1) addHolders(holders, dirname(path));
  // Root sees all processes, so a socket without one is in a container with its own files.
  const isSure = process.geteuid?.() === 0 && holders.size > 1;
  return [...holders.values()].filter((pids) => !isSure || pids.length > 0);
}

function addHolders(holders: ReadonlyMap<string, number[]>, directory: string): void {
  const pids = readdirSync('/proc').map(Number);
  for (const pid of pids.filter((number) => number > 0)) {
    for (const inode of socketsOf(pid)) {
      if (holders.has(inode) && isSameDirectory(`/proc/${pid}/root${directory}`, directory))
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
  return isSameDirectory(place, dirname(path));
}

function isSameDirectory(a: string, b: string): boolean {
  const [one, other] = [statOf(a), statOf(b)];
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

/** Returns the inodes of the open sockets of a process; none if it has ended, or belongs to another user. */
function socketsOf(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  const descriptors = attempt(() => readdirSync(directory)) ?? [];
  // The process can close a descriptor in the meantime.
  const links = descriptors.flatMap(
    (descriptor) => attempt(() => readlinkSync(`${directory}/${descriptor}`)) ?? [],
  );
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}
