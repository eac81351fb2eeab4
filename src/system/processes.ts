import { readFileSync, readlinkSync } from 'node:fs';
import { uptime as osUptime } from 'node:os';

const TICKS_PER_SECOND = 100;

/**
 * @returns the process that started another, or `undefined` where that one is gone (proc(5), `/proc/pid/stat`)
 */
export function parentOf(pid: number): number | undefined {
  const parent = fieldsOf(pid)?.[PARENT];
  return parent === undefined ? undefined : Number(parent);
}

/**
 * How long ago this machine, or this container, started: since then nothing that was written was lost to a crash.
 *
 * @param proc where proc(5) is mounted
 * @returns milliseconds since the start of process 1, in hundredths of a second; `undefined` where that cannot be told
 */
export function machineAge(proc = '/proc'): number | undefined {
  const start = startOfFirst(proc);
  if (start === undefined) return undefined;
  const sinceBoot = uptime(proc);
  // Some containers have a /proc/uptime of their own, and it is already what is asked for.
  return start <= sinceBoot ? sinceBoot - start : sinceBoot;
}

/** @returns milliseconds from boot to the start of process 1 */
function startOfFirst(proc: string): number | undefined {
  const ticks = Number(fieldsOf(1, proc)?.[START_TIME]);
  if (Number.isFinite(ticks)) return (ticks * 1000) / TICKS_PER_SECOND;
  // Where others' processes are hidden (hidepid=, systemd's ProtectProc=), one's own are not. In the namespace of the machine
  // itself process 1 started with it.
  return namespaceOf(proc) === FIRST_NAMESPACE ? 0 : undefined;
}

/** The kernel's PROC_PID_INIT_INO: the same on every machine. */
const FIRST_NAMESPACE = 'pid:[4026531836]';

function namespaceOf(proc: string): string | undefined {
  try {
    return readlinkSync(`${proc}/self/ns/pid`);
  } catch {
    return undefined;
  }
}

// Fields of /proc/pid/stat, counted from the end of the second.
const PARENT = 2;
const START_TIME = 20;

function fieldsOf(pid: number, proc = '/proc'): string[] | undefined {
  try {
    const stat = readFileSync(`${proc}/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses, and may hold anything.
    return stat.slice(stat.lastIndexOf(')')).split(' ');
  } catch {
    return undefined;
  }
}

/** @returns milliseconds since boot (proc(5), `/proc/uptime`), in hundredths of a second; in seconds where there is no such file */
export function uptime(proc = '/proc'): number {
  const seconds = readUptime(proc);
  return (Number.isFinite(seconds) ? seconds : osUptime()) * 1000;
}

function readUptime(proc: string): number {
  try {
    return Number.parseFloat(readFileSync(`${proc}/uptime`, 'utf8'));
  } catch {
    return Number.NaN;
  }
}
