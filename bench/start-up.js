// How long xtokend takes to its first answer, beside a bare Node that answers at once. Printed as milliseconds on top
// of the bare one, pair by pair: a machine that is slow at the moment slows both.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { generateSecret } from '../dist/index.js';

const ROUNDS = Number(process.argv[2] ?? 30);
const BARE = "process.stdin.once('data', () => process.stdout.write('1\\n'))";

const folder = mkdtempSync(join(tmpdir(), 'xtokend-bench-'));
const config = join(folder, 'xtokend.toml');
writeFileSync(config, `otp_seed = "${generateSecret()}"\ntoken_secret = "${generateSecret()}"\n`, {
  mode: 0o600,
});

const subjects = {
  'bare node': ['node', '-e', BARE],
  xtokend: ['bin/xtokend'],
  'xtokend serve --protocol generic': ['bin/xtokend', 'serve', '--protocol', 'generic'],
};
const samples = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, command] of Object.entries(subjects)) samples[name].push(await firstAnswer(command));
}
rmSync(folder, { recursive: true });
for (const [name, own] of Object.entries(samples)) {
  const above = own.map((sample, round) => sample - samples['bare node'][round]);
  console.log(
    `${name}: ${median(own)} ms to the first answer, ${median(above)} ms above bare node (${ROUNDS} rounds)`,
  );
}

async function firstAnswer([file, ...args]) {
  const start = performance.now();
  const child = spawn(file, args, {
    env: { ...process.env, XTOKEND_CONFIG: config },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.write('isuser:alice:example.com\n');
  const [answer] = await once(child.stdout, 'data');
  const elapsed = performance.now() - start;
  if (answer.toString() !== '1\n')
    throw new Error(`expected the answer 1, got ${JSON.stringify(answer.toString())}`);
  child.stdin.end();
  await once(child, 'exit');
  return elapsed;
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)].toFixed(1);
}
