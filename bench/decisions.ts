// How many tokens whole processes decide in a second: `npm run bench:decisions [-- TOKENS]`. They are minted before, and fed
// through stdin, to one process and to two at the same time, by each store in turn.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { SECRETS } from '../test/support/keys.js';
import { RedisServer } from '../test/support/redis.js';
import { runToEnd, say, thenStopped, withFolder } from './support/clean-up.js';
import { spread } from './support/figures.js';
import { IS_USER, requests } from './support/requests.js';

const TOKENS = Number(process.argv[2] ?? 20_000);
const ROUNDS = 3;

await runToEnd(() => withFolder((disk) => withFolder((memory) => measureAll(disk, memory), '/dev/shm')));

async function measureAll(disk: string, memory: string): Promise<void> {
  const redis = await RedisServer.start();
  await thenStopped(
    () => redis.remove(),
    async () => {
      redis.beginLongAgo('xtokend:');
      const stores = {
        'the memory': 'store = "memory"',
        'a directory on disk': `path = "${disk}"`,
        'a directory on tmpfs': `path = "${memory}"`,
        Redis: `store = "redis"\nurl = "${redis.url}"`,
      };
      for (const [name, replay] of Object.entries(stores)) await measureStore(disk, name, replay);
    },
  );
}

async function measureStore(directory: string, name: string, replay: string): Promise<void> {
  const config = join(directory, 'xtokend.toml');
  writeFileSync(config, `${SECRETS}[log]\ntarget = "file:/dev/null"\n[replay]\n${replay}\n`, { mode: 0o600 });
  for (const processes of [1, 2]) {
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) rates.push(await measure(config, processes));
    const count = processes === 1 ? '1 process' : `${processes} processes`;
    say(`${name}, ${count}: ${spread(rates, 0)} tokens a second`);
  }
}

/** @returns decisions a second of some processes, each with tokens of its own */
async function measure(config: string, processes: number): Promise<number> {
  const env = { PATH: process.env['PATH'], XTOKEND_CONFIG: config };
  const work = await Promise.all(
    Array.from({ length: processes }, async () => {
      const child = spawn('bin/xtokend', [], { env, stdio: ['pipe', 'pipe', 'ignore'] });
      child.stdin.write(`${IS_USER}\n`);
      await once(child.stdout, 'data');
      return { child, text: requests(TOKENS) };
    }),
  );
  const begin = performance.now();
  const accepted = work.map(async ({ child, text }) => {
    let answers = '';
    child.stdout.on('data', (data: Buffer) => (answers += data.toString()));
    child.stdin.end(text);
    await once(child, 'close');
    if (answers !== '1\n'.repeat(TOKENS)) throw new Error('expected every token to be accepted');
  });
  await Promise.all(accepted);
  return (processes * TOKENS) / ((performance.now() - begin) / 1000);
}
