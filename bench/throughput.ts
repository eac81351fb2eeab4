import { scope } from './support/clean-up.js';
import { Client } from './support/client.js';
import { inRounds, ratios, spread, table, target } from './support/figures.js';
import { cpuTime } from './support/process-usage.js';
import { cacheIn, startDaemon, startListener, type Listener } from './support/programs.js';
import { requests, splitLines } from './support/requests.js';
import type { Tables } from './main.js';

const HEAD = [
  '',
  'requests per CPU second',
  'requests per second',
  'CPU µs per request',
  'ratio to the echo',
  'ratio to memory',
];
/** The CPU time of a request with the journal on disk, as a ratio to that with the memory store. */
const TARGET_DISK = 1.35;
/** Refusing one request in so many reveals an answer that is out of order. */
const REFUSED_ONE_IN = 16;

/** Measures pipelined requests over a socket, by replay cache. */
export async function throughput(isSmoke: boolean): Promise<Tables> {
  const { count, rounds } = isSmoke ? { count: 160, rounds: 1 } : { count: 20_000, rounds: 5 };
  const echo = await startListener(process.execPath, 'bench/echo.js');
  const programs: [name: string, listener: Listener][] = [
    ['echo in Node', echo],
    ['replay cache in memory', await startDaemon('store = "memory"')],
    ['journal on tmpfs', await startDaemon(cacheIn('/dev/shm'))],
    ['journal on disk', await startDaemon(cacheIn())],
  ];
  const samples = await inRounds(programs, rounds, ([, listener]) =>
    scope(() => measure(listener, count, listener === echo)),
  );
  const costs = samples.map((rounds) => rounds.map(({ cpu }) => 1e6 / cpu));
  const rows = programs.map(([name], index) => {
    const [rounds = [], cost = []] = [samples[index], costs[index]];
    const cpu = rounds.map((round) => round.cpu);
    const wall = rounds.map((round) => round.wall);
    const toEcho = index === 0 ? '' : spread(ratios(cost, costs[0] ?? []), 0);
    const toMemory = ratios(cost, costs[1] ?? []);
    const verdict = index === 3 ? `, ${target(toMemory, TARGET_DISK)}` : '';
    const last = index < 2 ? '' : `${spread(toMemory, 2)}${verdict}`;
    return [name, spread(cpu, 0), spread(wall, 0), spread(cost, 2), toEcho, last];
  });
  return { throughput: table(HEAD, rows) };
}

/** Returns the requests per second, by wall-clock time and by the program's CPU time. */
async function measure(
  { path, pid }: Listener,
  count: number,
  isEcho: boolean,
): Promise<{ wall: number; cpu: number }> {
  const client = new Client('socket', path);
  const { text, expected } = mixed(count);
  const before = cpuTime(pid);
  const { answers, seconds } = await client.pipelined(text);
  const cpuSeconds = (cpuTime(pid) - before) / 1e6;
  if (answers !== (isEcho ? '1\n'.repeat(count) : expected)) {
    throw new Error(`expected a correct answer to each of ${count} requests, in order`);
  }
  return { wall: count / seconds, cpu: count / cpuSeconds };
}

function mixed(count: number): { text: string; expected: string } {
  const lines = splitLines(requests(count));
  const refused = splitLines(requests(Math.floor(count / REFUSED_ONE_IN), 'refused'));
  const isRefused = (index: number): boolean => (index + 1) % REFUSED_ONE_IN === 0;
  return {
    text: lines.map((line, index) => (isRefused(index) ? (refused.pop() ?? '') : line)).join(''),
    expected: lines.map((_, index) => (isRefused(index) ? '0\n' : '1\n')).join(''),
  };
}
