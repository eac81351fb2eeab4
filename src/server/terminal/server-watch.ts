import { openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import type { Sight, TerminalPort, Traffic } from './answer-policy.js';

/**
 * What this process can see of the server's wait: on which terminal it waits; only that it waits on some terminal, as reading
 * `/proc/pid/syscall` (proc(5)) needs the right to trace the server, which Yama can refuse; or nothing.
 */
export type Visibility = 'terminal' | 'any-terminal' | 'none';

/** Observes the server at the other end of a terminal. */
export interface ServerWatch extends Pick<TerminalPort, 'look' | 'traffic'> {
  readonly visibility: Visibility;
}

/** Options of {@link watchServer}. */
export interface WatchOptions {
  /** The process that started the supervisor: the server, or a wrapper that the server started. */
  readonly parent: number;
  /** A process that sleeps. */
  readonly supervisor: number;
  /** The number of this process's terminal, as in `/dev/pts/3`. */
  readonly terminal: number;
  /** Returns the parent of a process. */
  readonly parentOf: (pid: number) => number | undefined;
}

/** Functions of the kernel in which a process sleeps that is in select(2), as lpty is while it waits for an answer. */
const SELECT = /^(?:poll_schedule_timeout|do_select|core_sys_select)/;
/** The same for epoll_wait(2), in which servers wait for their clients. */
const EPOLL = /^(?:do_epoll_wait|ep_poll)/;
/** The place of a process that does not sleep, that is about to, or that this process may not inspect. */
const NOWHERE = '0';

const BUFFER = Buffer.alloc(256);

/** Watches the server through proc(5), by descriptors that stay open, so that one look takes a few µs. */
export function watchServer(options: WatchOptions): ServerWatch {
  const server = serverOf(options.parent, options);
  if (server === undefined || placeReaderOf(options.supervisor)() === NOWHERE) return BLIND;
  const { pid, descriptor } = server;
  const traffic = trafficReaderOf(pid);
  if (traffic === undefined) return BLIND;
  const readPlace = placeReaderOf(pid);
  const readCall = readerOf(pid, 'syscall');
  const visibility = readCall() === undefined ? 'any-terminal' : 'terminal';
  const call = selectOn(descriptor);
  const look = (): Sight => {
    // The call first: if a process has just gone to sleep, this makes the kernel note the place (since Linux 6.12).
    const text = readCall();
    // A process that is stopped or frozen in the call is in another place.
    const place = readPlace();
    if (EPOLL.test(place)) return 'elsewhere';
    if (!SELECT.test(place)) return place === NOWHERE && !isReadable(pid, descriptor) ? 'hidden' : 'unclear';
    if (text === undefined || call.test(text)) return 'waiting';
    // The server may have started to wait between the two reads.
    return text === readCall() ? 'elsewhere' : 'unclear';
  };
  return { visibility, look, traffic };
}

const NO_TRAFFIC: Traffic = { read: 0, written: 0 };
const BLIND: ServerWatch = { visibility: 'none', look: () => 'hidden', traffic: () => NO_TRAFFIC };

interface Server {
  readonly pid: number;
  /** The descriptor of the other end of the terminal. */
  readonly descriptor: number;
}

/**
 * Finds the server: the process that has opened the other end of the terminal. Its children inherit that, so it is the oldest
 * ancestor that holds it. A process that may read its descriptors may read its other files as well, except `syscall`.
 */
function serverOf(pid: number | undefined, options: WatchOptions): Server | undefined {
  if (pid === undefined) return undefined;
  const descriptor = masterOf(pid, options.terminal);
  if (descriptor === undefined) return undefined;
  return serverOf(options.parentOf(pid), options) ?? { pid, descriptor };
}

/** Returns the descriptor by which a process holds the other end of a terminal. */
function masterOf(pid: number, terminal: number): number | undefined {
  const line = new RegExp(`^tty-index:\\s*${terminal}$`, 'm');
  const directory = `/proc/${pid}/fdinfo`;
  const held = namesIn(directory).find((name) => line.test(contentOf(`${directory}/${name}`)));
  return held === undefined ? undefined : Number(held);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Matches select(2) up to the descriptor with nothing to write to. In epoll_wait(2) that would mean no room for events. */
function selectOn(descriptor: number): RegExp {
  return new RegExp(`^\\d+ 0x${(descriptor + 1).toString(16)} 0x[0-9a-f]+ 0x0 0x0 `);
}

function placeReaderOf(pid: number): () => string {
  const read = readerOf(pid, 'wchan');
  return () => read() ?? NOWHERE;
}

/** Returns a reader of the byte counts, or `undefined` if the kernel does not count. */
function trafficReaderOf(pid: number): (() => Traffic) | undefined {
  const read = readerOf(pid, 'io');
  // The file starts with "rchar: 1" and a line with "wchar: 2".
  const parse = (text: string): Traffic => ({
    read: Number.parseInt(text.slice(7), 10),
    written: Number.parseInt(text.slice(text.indexOf('\n') + 8), 10),
  });
  return read() === undefined ? undefined : () => parse(read() ?? '');
}

/** Returns a function that reads the start of a file of proc(5) again; it returns `undefined` if this process may not. */
function readerOf(pid: number, name: string): () => string | undefined {
  try {
    const file = openSync(`/proc/${pid}/${name}`, 'r');
    return () => {
      try {
        return BUFFER.toString('latin1', 0, readSync(file, BUFFER, 0, BUFFER.length, 0)).trimEnd();
      } catch {
        return undefined;
      }
    };
  } catch {
    return () => undefined;
  }
}

/** Whether this process may inspect another. The place of one that it may not inspect reads as that of a running one. */
function isReadable(pid: number, descriptor: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    return true;
  } catch {
    return false;
  }
}
