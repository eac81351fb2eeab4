import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, findProgram } from '../test/support/system/processes.js';
import { defer, scope } from './support/clean-up.js';
import { Client } from './support/client.js';
import { differences, format, inRounds, ratios, spread, table, target } from './support/figures.js';
import { descriptorsOf, memoryOf } from './support/process-usage.js';
import { cacheIn, configuration, startDaemon, writeConfiguration } from './support/programs.js';
import { IS_USER, requests } from './support/requests.js';
import type { Tables } from './main.js';

const HEAD = ['', 'ms', 'above bare Node', 'target', 'ratio to bare Node'];
const MEMORY_HEAD = ['', 'MB', 'above bare Node', 'target'];
const GROWTH_HEAD = ['logins', 'MB', 'above idle', 'descriptors'];
/** Milliseconds above a bare Node from its start to its end. */
const TARGETS = { pipe: 30, terminal: 45 };
const TARGET_MEGABYTES = 20;
const SETTLE_MILLISECONDS = 1000;
const THOUSANDS_OF_LOGINS = [0, 100, 250, 500, 750, 1000, 1200];
const BATCH = 25_000;

type Program = 'node' | 'pipe' | 'terminal';

/** Measures the time to the first answer and the memory, against a bare Node. */
export async function startUp(isSmoke: boolean): Promise<Tables> {
  return {
    'start-up': await compareStarts(isSmoke ? 1 : 21),
    memory: await compareMemory(isSmoke ? 1 : 5),
    growth: await measureGrowth(isSmoke ? [0, 0.1] : THOUSANDS_OF_LOGINS),
  };
}

async function compareStarts(rounds: number): Promise<string> {
  const programs: Program[] = ['node', 'pipe', 'terminal'];
  const [bare = [], ...ours] = await inRounds(programs, rounds, (program) =>
    scope(() => (program === 'node' ? Promise.resolve(bareNode()) : openOurs(program).first(IS_USER))),
  );
  const rows = (['pipe', 'terminal'] as const).map((transport, index) => {
    const own = ours[index] ?? [];
    const above = differences(own, bare);
    const cells = [spread(own, 1), spread(above, 1), target(above, TARGETS[transport])];
    return [`first answer, ${transport}`, ...cells, spread(ratios(own, bare), 2)];
  });
  return table(HEAD, [['bare Node (`node -e 0`), start to end', spread(bare, 1), '', '', ''], ...rows]);
}

function bareNode(): number {
  const begin = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - begin;
}

function openOurs(transport: 'pipe' | 'terminal'): Client {
  return new Client(transport, resolve('bin/xtokend'), {
    XTOKEND_CONFIG: writeConfiguration(configuration(cacheIn())),
  });
}

async function compareMemory(rounds: number): Promise<string> {
  const [bare = [], ours = []] = await inRounds([bareMemory, ourMemory], rounds, (measure) => scope(measure));
  const above = differences(ours, bare);
  return table(MEMORY_HEAD, [
    ['bare Node, idle', spread(bare, 1), '', ''],
    [
      'xtokend, idle after its first answer',
      spread(ours, 1),
      spread(above, 1),
      target(above, TARGET_MEGABYTES),
    ],
  ]);
}

async function bareMemory(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000); console.log(1)']);
  defer(() => end(child));
  await once(child.stdout, 'data');
  await sleep(SETTLE_MILLISECONDS);
  return memoryOf(child.pid ?? 0).peak;
}

async function ourMemory(): Promise<number> {
  const client = openOurs('pipe');
  await client.first(IS_USER);
  await sleep(SETTLE_MILLISECONDS);
  return memoryOf(findProgram(client.children, 'node')).peak;
}

/** Uses a directory on tmpfs, because a replay cache in memory grows with the logins of the last three minutes. */
async function measureGrowth(thousands: readonly number[]): Promise<string> {
  const { path, pid } = await startDaemon(cacheIn('/dev/shm'));
  const client = new Client('socket', path);
  await client.first(IS_USER);
  const idle = memoryOf(pid).now;
  const rows: string[][] = [];
  let done = 0;
  for (const logins of thousands.map((each) => each * 1000)) {
    while (done < logins) done += await logIn(client, Math.min(BATCH, logins - done));
    const { now } = memoryOf(pid);
    rows.push([format(done, 0), format(now, 1), format(now - idle, 1), String(descriptorsOf(pid))]);
  }
  return table(GROWTH_HEAD, rows);
}

/** Sends what Prosody sends for a login: an `isuser` request and an `auth` request. */
async function logIn(client: Client, count: number): Promise<number> {
  const lines = requests(count).replaceAll(/^(?=auth)/gm, `${IS_USER}\n`);
  const { answers } = await client.pipelined(lines);
  if (answers !== '1\n'.repeat(2 * count)) throw new Error(`expected ${count} logins to be accepted`);
  return count;
}
