import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { attempt } from './attempt.js';
import { isRoot } from './effective-user.js';
import { commandWordsOf } from './processes.js';
import { findExposure } from './trusted-path.js';

/** A process that has a listening socket open. */
export interface SocketHolder {
  readonly pid: number;
  /** `xtokend`, or the name that the kernel has for the process; never its arguments. */
  readonly name: string;
  readonly isStopped: boolean;
  /** When it started, in ticks since boot. */
  readonly startedAt: number;
  /** Its service of systemd, if that is one of xtokend. */
  readonly unit: string | undefined;
}

/** The kernel's __SO_ACCEPTCON: the socket listens. */
const LISTENS = 0x10000;
/** xtokend creates a socket in a private directory and then moves it, but the kernel keeps the first name. */
const PRIVATE_DIRECTORY = /^\.xtokend-[A-Za-z0-9]{6}$/;

/**
 * Finds all listening sockets with the name of one, in this network namespace (proc(5), /proc/net/unix). Only the last one can be
 * reached by the path.
 *
 * @returns for each, the processes that hold it, as far as this user may see them
 */
export function listenersAt(path: string): SocketHolder[][] {
  const holders = new Map(inodesOf(path).map((inode) => [inode, [] as number[]]));
  if (holders.size > 0) addHolders(holders, dirname(path));
  // Root sees all processes, so a socket without one is in a container with its own files.
  const isSure = isRoot() && holders.size > 1;
  return [...holders.values()]
    .filter((pids) => !isSure || pids.length > 0)
    .map((pids) => pids.flatMap((pid) => describeProcess(pid) ?? []));
}

/** Who listens at the path of a socket, for a message. */
export interface Listeners {
  /** Such as `process 812 (xtokend)`; `undefined` if this user may not see the process. */
  readonly who: string | undefined;
  /** What ends it, such as `kill 812`, or what shows which process it is. */
  readonly stop: string;
}

/** Describes the processes that listen at the path of a socket. */
export function describeListeners(path: string): Listeners {
  const holders = listenersAt(path).flat();
  const unit = holders.find((holder) => holder.unit !== undefined)?.unit;
  if (holders.some(isSystemd)) {
    const units =
      unit === undefined
        ? 'the socket unit that `systemctl list-sockets` shows'
        : `${unit.replace(/\.service$/, '.socket')} ${unit}`;
    return { who: 'systemd', stop: `systemctl stop ${units}` };
  }
  if (holders.length === 0) return { who: undefined, stop: 'run `ss -xlp` as root to see which process' };
  const stop = unit === undefined ? holders.map(killCommand).join('; ') : `systemctl stop ${unit}`;
  return { who: holders.map(nameHolder).join(' and '), stop };
}

/** Returns whether a process is the systemd that opens sockets for services. */
export function isSystemd({ pid, name }: SocketHolder): boolean {
  return pid === 1 && name === 'systemd';
}

/** Names a process in a message, such as `process 812 (xtokend, stopped)`. */
export function nameHolder({ pid, name, isStopped }: SocketHolder): string {
  return `process ${pid} (${name}${isStopped ? ', stopped' : ''})`;
}

/** Returns the shell command that ends a process. */
export function killCommand({ pid, isStopped }: SocketHolder): string {
  return `kill ${isStopped ? '-KILL ' : ''}${pid}`;
}

/** Returns `undefined` if the process has ended. */
function describeProcess(pid: number): SocketHolder | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // proc(5): the name in parentheses can hold anything.
  const [, command = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(stat ?? '') ?? [];
  const [state, ...fields] = rest.split(' ');
  if (state === undefined || state === '') return undefined;
  const name = isXtokend(pid) ? 'xtokend' : command.replaceAll(/[^ -~]/g, '?');
  return { pid, name, isStopped: state === 'T', startedAt: Number(fields[18]), unit: unitOf(pid) };
}

/** Node.js runs xtokend, so the kernel's name for the process is that of Node. */
function isXtokend(pid: number): boolean {
  return commandWordsOf(pid).some((word) => basename(word) === 'xtokend.cjs');
}

/**
 * A process that was started by hand can be in the control group of another service, such as that of ssh. Users can give control
 * groups of their own any name, and the name becomes a part of a command.
 */
function unitOf(pid: number): string | undefined {
  const groups = attempt(() => readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? '';
  return /^0::\/system\.slice\/([\w:.@-]*xtokend[\w:.@-]*\.service)$/m.exec(groups)?.[1];
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
  const lines =
    attempt(() => readFileSync('/proc/net/unix', 'utf8'))
      ?.split('\n')
      .slice(1) ?? [];
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
  // A name with a link that any user can make is not that of the socket.
  return (
    place === dirname(path) || (isSameDirectory(place, dirname(path)) && findExposure(place) === undefined)
  );
}

function isSameDirectory(a: string, b: string): boolean {
  const [one, other] = [a, b].map((path) => attempt(() => statSync(path)));
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
