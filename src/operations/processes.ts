import { readFileSync } from 'node:fs';

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
 * @returns milliseconds since the start of process 1 (proc(5)), in hundredths of a second
 */
export function machineAge(): number {
  const sinceBoot = uptime();
  const start = (Number(fieldsOf(1)?.[START_TIME] ?? 0) * 1000) / TICKS_PER_SECOND;
  // Some containers have a /proc/uptime of their own, and it is already what is asked for.
  return start <= sinceBoot ? sinceBoot - start : sinceBoot;
}

// Fields of /proc/pid/stat, counted from the end of the second.
const PARENT = 2;
const START_TIME = 20;

function fieldsOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses, and may hold anything.
    return stat.slice(stat.lastIndexOf(')')).split(' ');
  } catch {
    return undefined;
  }
}

/** @returns milliseconds since boot (proc(5), `/proc/uptime`), in hundredths of a second */
export function uptime(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ', 1)[0]) * 1000;
}
