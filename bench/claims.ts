// What a claim costs: `npm run bench:claims [-- CLAIMS [MINUTES]]`. All stores take turns in the same run; then the directory
// goes through as many minutes as are asked for, of 1,000 logins a second, in fast motion.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { DirectoryRecord } from '../src/replay/directory-record.js';
import { MemoryRecord } from '../src/replay/memory-record.js';
import { RedisRecord } from '../src/replay/redis-record.js';
import type { ReplayRecord } from '../src/replay/replay-record.js';
import { stepAt } from '../src/credential/otp.js';
import { redisSettings, RedisServer } from '../test/support/redis.js';

const CLAIMS = Number(process.argv[2] ?? 5000);
const MINUTES = Number(process.argv[3] ?? 10);
const ROUNDS = 5;
const IN_FLIGHT = 64;
const CLAIMS_A_STEP = 30_000;

const say = (text: string): unknown => process.stdout.write(`${text}\n`);
let count = 0;
const nextId = (): string => `bench-${process.pid}-${(count += 1)}`;

const disk = mkdtempSync(join(tmpdir(), 'xtokend-bench-'));
const memory = mkdtempSync('/dev/shm/xtokend-bench-');
const redis = await RedisServer.start();
redis.beginLongAgo('test:');

const openDirectory = (folder: string): DirectoryRecord =>
  new DirectoryRecord({ root: join(folder, 'used-tokens'), horizon: () => 0, onTrouble: say });
const stores: Record<string, ReplayRecord> = {
  'the memory': new MemoryRecord(),
  'a directory on disk': openDirectory(disk),
  'a directory on tmpfs': openDirectory(memory),
  'Redis over TCP': new RedisRecord(redisSettings(redis.url)),
  'Redis over a Unix socket': new RedisRecord(redisSettings(`unix:${redis.socket}`)),
};

async function claim(record: ReplayRecord, step: number): Promise<number> {
  const begin = performance.now();
  const outcome = await record.claim({ id: nextId(), step }, step);
  if (outcome !== 'claimed') throw new Error(`expected a claim, found ${outcome}`);
  return (performance.now() - begin) * 1000;
}

function describe(samples: number[]): string {
  const sorted = samples.sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(0);
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, worst ${at(1)} µs`;
}

async function compareStores(): Promise<void> {
  const step = stepAt(Date.now());
  const samples = new Map(Object.keys(stores).map((name) => [name, [] as number[]]));
  const rates = new Map<string, number[]>();
  // Whatever is compiled and connected at first is not what is measured.
  for (const record of Object.values(stores)) for (let i = 0; i < 500; i += 1) await claim(record, step);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, record] of Object.entries(stores)) {
      const own = samples.get(name) ?? [];
      for (let i = 0; i < CLAIMS; i += 1) own.push(await claim(record, step));
      const begin = performance.now();
      const client = async (): Promise<void> => {
        for (let i = 0; i < CLAIMS / IN_FLIGHT; i += 1) await claim(record, step);
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, client));
      const rate = CLAIMS / ((performance.now() - begin) / 1000);
      rates.set(name, [...(rates.get(name) ?? []), rate]);
    }
  }
  for (const [name, own] of samples) {
    const sorted = (rates.get(name) ?? []).sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
    say(
      `${name}: one after the other ${describe(own)}; ${IN_FLIGHT} at a time ${median.toFixed(0)} claims a second`,
    );
  }
}

function countFiles(folder: string): number {
  return readdirSync(folder, { recursive: true }).length;
}

/** Two steps a minute, with what pruning the earlier ones costs meanwhile. */
async function goThroughMinutes(name: string, record: DirectoryRecord, folder: string): Promise<void> {
  let step = stepAt(Date.now()) + 10;
  for (let minute = 1; minute <= MINUTES; minute += 1) {
    const samples: number[] = [];
    for (const end = step + 2; step < end; step += 1) {
      for (let i = 0; i < CLAIMS_A_STEP; i += 1) {
        samples.push(await claim(record, step));
        // As when requests come in one by one: what is to be pruned gets its turn.
        if (i % 10 === 0) await new Promise(setImmediate);
      }
    }
    await record.close();
    const megabytes = (process.memoryUsage().rss / 2 ** 20).toFixed(0);
    say(`${name}, minute ${minute}: ${describe(samples)}; ${countFiles(folder)} files, ${megabytes} MB`);
  }
}

await compareStores();
await goThroughMinutes('a directory on disk', openDirectory(disk), disk);
await goThroughMinutes('a directory on tmpfs', openDirectory(memory), memory);
for (const record of Object.values(stores)) await record.close();
await redis.remove();
for (const folder of [disk, memory]) rmSync(folder, { recursive: true });
