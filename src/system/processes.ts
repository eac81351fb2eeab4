import { readFileSync, readlinkSync } from 'node:fs';
import { uptime as osUptime } from 'node:os';

const TICKS_PER_SECOND = 100;

/** Returns the parent of a process, or `undefined` if the process has exited (proc(5), `/proc/pid/stat`). */
export function parentOf(pid: number): number | undefined {
  const parent = fieldsOf(pid)?.[PARENT];
  return parent === undefined ? undefined : Number(parent);
}

/** Returns when a process started, in ticks since boot, or `undefined` if it has ended: its number can be used again. */
export function startOf(pid: number): string | undefined {
  const fields = fieldsOf(pid);
  return fields?.[STATE] === ZOMBIE ? undefined : fields?.[START_TIME];
}

/**
 * Returns how long ago this machine or container started. Since then, no crash has lost what was written.
 *
 * @param proc where proc(5) is mounted
 * @returns milliseconds since the start of process 1, with a resolution of 10 ms; `undefined` if /proc doesn't show it
 */
export function machineAge(proc = '/proc'): number | undefined {
  const start = startOfInit(proc);
  if (start === undefined) return undefined;
  const sinceBoot = uptime(proc);
  // In some containers, /proc/uptime already counts from the start of the container.
  return start <= sinceBoot ? sinceBoot - start : sinceBoot;
}

/** Returns the milliseconds from boot to the start of process 1. */
function startOfInit(proc: string): number | undefined {
  const ticks = Number(fieldsOf(1, proc)?.[START_TIME]);
  if (Number.isFinite(ticks)) return (ticks * 1000) / TICKS_PER_SECOND;
  // Process 1 can be hidden (hidepid=, systemd's ProtectProc=), but in the namespace of the machine it started at boot.
  return namespaceOf(proc) === INITIAL_NAMESPACE ? 0 : undefined;
}

/** The kernel's PROC_PID_INIT_INO: the same on every machine. */
const INITIAL_NAMESPACE = 'pid:[4026531836]';

function namespaceOf(proc: string): string | undefined {
  try {
    return readlinkSync(`${proc}/self/ns/pid`);
  } catch {
    return undefined;
  }
}

// Fields of /proc/pid/stat, counted from the end of the second.
const STATE = 1;
const PARENT = 2;
const START_TIME = 20;
const ZOMBIE = 'Z';

function fieldsOf(pid: number, proc = '/proc'): string[] | undefined {
  try {
    const stat = readFileSync(`${proc}/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses, and may hold anything.
    return stat.slice(stat.lastIndexOf(')')).split(' ');
  } catch {
    return undefined;
  }
}

/** Returns the milliseconds since boot: from `/proc/uptime`, with a resolution of 10 ms, or else from the operating system. */
export function uptime(proc = '/proc'): number {
  let seconds = Number.NaN;
  try {
    seconds = Number.parseFloat(readFileSync(`${proc}/uptime`, 'utf8'));
  } catch {
    // Not every system has the file.
  }
  return (Number.isFinite(seconds) ? seconds : osUptime()) * 1000;
}

/** Returns the words of the command line of a process; none if it has ended, or this user may not see them. */
export function commandWordsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
