import { readFileSync } from 'node:fs';

/**
 * @returns the process that started another, or `undefined` where that one is gone (proc(5), `/proc/pid/stat`)
 */
export function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses, and may hold anything.
    const [, , parent] = stat.slice(stat.lastIndexOf(')')).split(' ');
    return Number(parent);
  } catch {
    return undefined;
  }
}

/** @returns milliseconds since boot (proc(5), `/proc/uptime`), in hundredths of a second */
export function uptime(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ', 1)[0]) * 1000;
}
