import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { timeStepAt } from '../src/credential/otp.js';
import { JournalReplayCache } from '../src/replay/journal/journal-cache.js';
import { MemoryReplayCache } from '../src/replay/memory/memory-cache.js';
import { RedisReplayCache } from '../src/replay/redis/redis-cache.js';
import type { ReplayCache } from '../src/replay/replay-cache.js';
import { SECRETS } from '../test/support/keys.js';
import { redisSettings, RedisServer } from '../test/support/servers/redis.js';
import { tokenUse } from '../test/support/token-use.js';
import { defer, print, temporaryDirectory } from './support/clean-up.js';
import { format, inRounds, median, percentiles, spread, table } from './support/figures.js';
import { writeConfiguration } from './support/programs.js';
import { IS_USER, requests } from './support/requests.js';
import type { Tables } from './main.js';

const HEAD = ['replay cache', 'p50 µs', 'p99 µs', 'worst µs', '64 at a time: tokens per second'];
const PROCESSES_HEAD = ['replay cache', '1 process: tokens per second', '2 processes: tokens per second'];
const MINUTES_HEAD = ['minute', 'p50 µs', 'p99 µs', 'worst µs', 'entries', 'MB'];
const IN_FLIGHT = 64;
const MINUTES = 10;

interface Store {
  readonly name: string;
  readonly cache: ReplayCache;
  /** The same store, for the configuration of a process. */
  readonly settings: string;
}

let count = 0;

/** Measures what consuming a token costs in each replay cache, in this process and in whole processes. */
export async function consume(isSmoke: boolean): Promise<Tables> {
  const stores = await openStores();
  const tables = {
    consume: await compareStores(stores, isSmoke ? 128 : 5000, isSmoke ? 1 : 5),
    processes: await compareProcesses(stores, isSmoke ? 100 : 20_000, isSmoke ? 1 : 3),
  };
  const directories = { disk: temporaryDirectory(), tmpfs: temporaryDirectory('/dev/shm') };
  for (const [name, root] of Object.entries(directories)) {
    const minutes = await simulateMinutes(root, isSmoke ? 100 : 30_000);
    print(`\n1,000 logins per second in a journal on ${name}, pruning meanwhile, at high speed\n${minutes}`);
  }
  return tables;
}

async function openStores(): Promise<Store[]> {
  const redis = await RedisServer.start();
  defer(() => redis.remove());
  for (const prefix of ['test:', 'xtokend:']) redis.beginLongAgo(prefix);
  const journal = (name: string, parent?: string): Store => {
    const path = temporaryDirectory(parent);
    return { name, cache: openJournal(path), settings: `store = "journal"\npath = "${path}"` };
  };
  const overRedis = (name: string, url: string): Store => ({
    name,
    cache: new RedisReplayCache(redisSettings(url)),
    settings: `store = "redis"\nurl = "${url}"`,
  });
  const stores = [
    { name: 'memory', cache: new MemoryReplayCache(), settings: 'store = "memory"' },
    journal('journal on tmpfs', '/dev/shm'),
    journal('journal on disk'),
    overRedis('Redis, Unix socket', `unix:${redis.socket}`),
    overRedis('Redis, TCP', redis.url),
  ];
  for (const { cache } of stores) defer(() => cache.close());
  return stores;
}

function openJournal(path: string): JournalReplayCache {
  return new JournalReplayCache({ root: join(path, 'replay-cache'), cacheEpoch: () => 0, onWarning: print });
}

async function compareStores(stores: readonly Store[], tokens: number, rounds: number): Promise<string> {
  const timeStep = timeStepAt(Date.now());
  const samples = await inRounds(stores, rounds, async ({ cache }) => {
    const nanoseconds: number[] = [];
    for (let i = 0; i < tokens; i += 1) nanoseconds.push(await consumeOne(cache, timeStep));
    const begin = performance.now();
    const client = async (): Promise<void> => {
      for (let i = 0; i < tokens / IN_FLIGHT; i += 1) await consumeOne(cache, timeStep);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, client));
    return { nanoseconds, rate: tokens / ((performance.now() - begin) / 1000) };
  });
  const rows = stores.map(({ name }, index) => {
    const own = samples[index] ?? [];
    const rate = format(median(own.map((each) => each.rate)), 0);
    return [name, ...times(own.flatMap(({ nanoseconds }) => nanoseconds)), rate];
  });
  return table(HEAD, rows);
}

/** Returns the nanoseconds that it took. */
async function consumeOne(cache: ReplayCache, timeStep: number): Promise<number> {
  count += 1;
  const use = tokenUse(String(count), timeStep);
  const begin = performance.now();
  const outcome = await cache.consume(use, timeStep);
  if (outcome !== 'consumed') throw new Error(`expected a fresh token to be consumed, found ${outcome}`);
  return (performance.now() - begin) * 1e6;
}

function times(nanoseconds: readonly number[]): string[] {
  const { p50, p99, worst } = percentiles(nanoseconds);
  return [format(p50, 0), format(p99, 0), format(worst, 0)];
}

async function compareProcesses(stores: readonly Store[], tokens: number, rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const { name, settings } of stores) {
    const config = writeConfiguration(`${SECRETS}[log]\ntarget = "file:/dev/null"\n[replay]\n${settings}\n`);
    const rates = await inRounds([1, 2], rounds, (processes) => measureProcesses(config, processes, tokens));
    rows.push([name, ...rates.map((each) => spread(each, 0))]);
  }
  return table(PROCESSES_HEAD, rows);
}

/** Returns the tokens per second that some processes accept together, each from its own standard input. */
async function measureProcesses(config: string, processes: number, tokens: number): Promise<number> {
  const env = { PATH: process.env['PATH'], XTOKEND_CONFIG: config };
  const ready = Array.from({ length: processes }, async () => {
    const child = spawn('bin/xtokend', [], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.write(`${IS_USER}\n`);
    await once(child.stdout, 'data');
    return { child, text: requests(tokens) };
  });
  const work = await Promise.all(ready);
  const begin = performance.now();
  const accepted = work.map(async ({ child, text }) => {
    let answers = '';
    child.stdout.on('data', (data: Buffer) => (answers += data.toString()));
    child.stdin.end(text);
    await once(child, 'close');
    if (answers !== '1\n'.repeat(tokens)) throw new Error('expected every token to be accepted');
  });
  await Promise.all(accepted);
  return (processes * tokens) / ((performance.now() - begin) / 1000);
}

/** Consumes tokens of two time steps per simulated minute, while the cache prunes earlier ones. */
async function simulateMinutes(root: string, tokensPerStep: number): Promise<string> {
  const cache = openJournal(root);
  const rows: string[][] = [];
  let timeStep = timeStepAt(Date.now()) + 10;
  for (let minute = 1; minute <= MINUTES; minute += 1) {
    const nanoseconds: number[] = [];
    for (const end = timeStep + 2; timeStep < end; timeStep += 1) {
      for (let i = 0; i < tokensPerStep; i += 1) {
        nanoseconds.push(await consumeOne(cache, timeStep));
        // Pruning runs between event loop iterations.
        if (i % 10 === 0) await new Promise(setImmediate);
      }
    }
    await cache.close();
    const entries = readdirSync(root, { recursive: true }).length;
    const megabytes = process.memoryUsage().rss / 2 ** 20;
    rows.push([String(minute), ...times(nanoseconds), format(entries, 0), format(megabytes, 0)]);
  }
  return table(MINUTES_HEAD, rows);
}
