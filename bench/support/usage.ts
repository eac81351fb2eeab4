import { readdirSync, readFileSync } from 'node:fs';

const NANOSECONDS_A_MICROSECOND = 1000;

/**
 * @returns the microseconds that a process's living threads have computed, in user and in system mode. `stat` counts in
 *   hundredths of a second; `schedstat` in nanoseconds, but for a thread that runs at the moment.
 */
export function cpuTime(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / NANOSECONDS_A_MICROSECOND;
}

/** @returns megabytes of a process: what it has in memory now, and the most that it ever had (proc(5), `status`) */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}

/** @returns how many descriptors a process has open */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
