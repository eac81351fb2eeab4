import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { format } from '../support/figures.js';

const ATTACH_MILLISECONDS = 500;

/** @returns how many system calls a process makes for each request, in words; strace slows it too much to time them */
export async function countCalls(
  pid: number,
  requests: number,
  ask: () => Promise<unknown>,
): Promise<string> {
  if (spawnSync('strace', ['--version']).status !== 0)
    return "system calls: Debian's strace is not installed";
  const strace = spawn('strace', ['-c', '-f', '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let report = '';
  strace.stderr.on('data', (data: Buffer) => (report += data.toString()));
  await sleep(ATTACH_MILLISECONDS);
  await ask();
  strace.kill('SIGINT');
  await once(strace, 'close');
  const calls = [...report.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/gm)]
    .map(([, count, name]) => ({ name, each: Number(count) / requests }))
    .filter(({ name, each }) => name !== 'total' && each >= 0.01);
  return `system calls a request: ${calls.map(({ name, each }) => `${format(each, 2)} ${name ?? ''}`).join(', ')}`;
}
