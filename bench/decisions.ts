// How many tokens whole processes decide in a second: `npm run bench:decisions [-- TOKENS]`. They are minted before, and fed
// through stdin, to one process and to two at the same time, by each store in turn.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { mintToken } from '../src/index.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../test/support/keys.js';
import { RedisServer } from '../test/support/redis.js';

const TOKENS = Number(process.argv[2] ?? 20_000);
const ROUNDS = 3;

const folder = mkdtempSync(join(tmpdir(), 'xtokend-bench-'));
const shared = mkdtempSync('/dev/shm/xtokend-bench-');
const redis = await RedisServer.start();
redis.beginLongAgo('xtokend:');
const stores = {
  'the memory': 'store = "memory"',
  'a directory on disk': `path = "${folder}"`,
  'a directory on tmpfs': `path = "${shared}"`,
  Redis: `store = "redis"\nurl = "${redis.url}"`,
};

function requests(): string {
  const mint = (): string => mintToken({ jid: 'a@b', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
  return Array.from({ length: TOKENS }, () => `auth:a:b:${mint()}\n`).join('');
}

/** @returns decisions a second of some processes, each with tokens of its own */
async function measure(config: string, processes: number): Promise<number> {
  const env = { PATH: process.env['PATH'], XTOKEND_CONFIG: config };
  const work = await Promise.all(
    Array.from({ length: processes }, async () => {
      const child = spawn('bin/xtokend', [], { env, stdio: ['pipe', 'pipe', 'ignore'] });
      child.stdin.write('isuser:a:b\n');
      await once(child.stdout, 'data');
      return { child, text: requests() };
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

for (const [name, replay] of Object.entries(stores)) {
  const config = join(folder, 'xtokend.toml');
  writeFileSync(config, `${SECRETS}[log]\ntarget = "file:/dev/null"\n[replay]\n${replay}\n`, { mode: 0o600 });
  for (const processes of [1, 2]) {
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) rates.push(await measure(config, processes));
    const [least, median, most] = rates.sort((a, b) => a - b).map((rate) => rate.toFixed(0));
    const count = processes === 1 ? '1 process' : `${processes} processes`;
    process.stdout.write(`${name}, ${count}: ${median} tokens a second (${least}–${most})\n`);
  }
}
await redis.remove();
for (const path of [folder, shared]) rmSync(path, { recursive: true });
