// What a claim costs: `npm run bench:claims [-- CLAIMS [MINUTES]]`. All stores take turns in the same run; then the directory
// goes through as many minutes as are asked for, of 1,000 logins a second, in fast motion.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { DirectoryReplayCache } from '../src/replay/directory/directory-cache.js';
import { MemoryReplayCache } from '../src/replay/memory/memory-cache.js';
import { RedisReplayCache } from '../src/replay/redis/redis-cache.js';
import type { ReplayCache } from '../src/replay/replay-cache.js';
import { timeStepAt } from '../src/credential/otp.js';
import { redisSettings, RedisServer } from '../test/support/redis.js';
import { runToEnd, say, thenStopped, withFolder } from './support/clean-up.js';
import { format, median, percentiles } from './support/figures.js';

const CLAIMS = Number(process.argv[2] ?? 5000);
const MINUTES = Number(process.argv[3] ?? 10);
const ROUNDS = 5;
const IN_FLIGHT = 64;
const CLAIMS_A_STEP = 30_000;

type Stores = Record<string, ReplayCache>;

let count = 0;
const nextId = (): string => `bench-${process.pid}-${(count += 1)}`;

await runToEnd(() => withFolder((disk) => withFolder((memory) => measureAll(disk, memory), '/dev/shm')));

async function measureAll(disk: string, memory: string): Promise<void> {
  const redis = await RedisServer.start();
  await thenStopped(
    () => redis.remove(),
    async () => {
      redis.beginLongAgo('test:');
      await compareStores({
        'the memory': new MemoryReplayCache(),
        'a directory on disk': openDirectory(disk),
        'a directory on tmpfs': openDirectory(memory),
        'Redis over TCP': new RedisReplayCache(redisSettings(redis.url)),
        'Redis over a Unix socket': new RedisReplayCache(redisSettings(`unix:${redis.socket}`)),
      });
    },
  );
  await goThroughMinutes('a directory on disk', openDirectory(disk), disk);
  await goThroughMinutes('a directory on tmpfs', openDirectory(memory), memory);
}

function openDirectory(directory: string): DirectoryReplayCache {
  return new DirectoryReplayCache({
    root: join(directory, 'used-tokens'),
    cacheEpoch: () => 0,
    onWarning: say,
  });
}

/** @returns how many nanoseconds it took */
async function consume(cache: ReplayCache, timeStep: number): Promise<number> {
  const begin = performance.now();
  const outcome = await cache.consume({ id: nextId(), timeStep }, timeStep);
  if (outcome !== 'consumed') throw new Error(`expected a claim, found ${outcome}`);
  return (performance.now() - begin) * 1e6;
}

function describe(nanoseconds: readonly number[]): string {
  const { p50, p99, worst } = percentiles(Uint32Array.from(nanoseconds));
  return `p50 ${format(p50, 0)}, p99 ${format(p99, 0)}, worst ${format(worst, 0)} µs`;
}

async function compareStores(stores: Stores): Promise<void> {
  const timeStep = timeStepAt(Date.now());
  const samples = new Map(Object.keys(stores).map((name) => [name, [] as number[]]));
  const rates = new Map<string, number[]>();
  // Whatever is compiled and connected at first is not what is measured.
  for (const cache of Object.values(stores)) for (let i = 0; i < 500; i += 1) await consume(cache, timeStep);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, cache] of Object.entries(stores)) {
      const own = samples.get(name) ?? [];
      for (let i = 0; i < CLAIMS; i += 1) own.push(await consume(cache, timeStep));
      const begin = performance.now();
      const client = async (): Promise<void> => {
        for (let i = 0; i < CLAIMS / IN_FLIGHT; i += 1) await consume(cache, timeStep);
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, client));
      const rate = CLAIMS / ((performance.now() - begin) / 1000);
      rates.set(name, [...(rates.get(name) ?? []), rate]);
    }
  }
  for (const [name, own] of samples) {
    const rate = format(median(rates.get(name) ?? []), 0);
    say(`${name}: one after the other ${describe(own)}; ${IN_FLIGHT} at a time ${rate} claims a second`);
  }
  for (const cache of Object.values(stores)) await cache.close();
}

function countFiles(directory: string): number {
  return readdirSync(directory, { recursive: true }).length;
}

/** Two steps a minute, with what pruning the earlier ones costs meanwhile. */
async function goThroughMinutes(name: string, cache: DirectoryReplayCache, directory: string): Promise<void> {
  let timeStep = timeStepAt(Date.now()) + 10;
  for (let minute = 1; minute <= MINUTES; minute += 1) {
    const samples: number[] = [];
    for (const end = timeStep + 2; timeStep < end; timeStep += 1) {
      for (let i = 0; i < CLAIMS_A_STEP; i += 1) {
        samples.push(await consume(cache, timeStep));
        // As when requests come in one by one: what is to be pruned gets its turn.
        if (i % 10 === 0) await new Promise(setImmediate);
      }
    }
    await cache.close();
    const megabytes = (process.memoryUsage().rss / 2 ** 20).toFixed(0);
    say(`${name}, minute ${minute}: ${describe(samples)}; ${countFiles(directory)} files, ${megabytes} MB`);
  }
}
