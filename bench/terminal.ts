// What the terminal of Prosody's stock module does to xtokend, and to a program that answers every line. Needs Debian's
// lua5.2 and lua-lpty. Usage: npm run bench:terminal [TERMINALS [REQUESTS]]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SECRETS } from '../test/support/keys.js';
import { LptyHarness } from '../test/support/lpty-harness.js';
import { say } from './support/clean-up.js';
import { median } from './support/figures.js';
import { tallyVerdicts } from '../test/terminal/outcomes.js';

const TERMINALS = Number(process.argv[2] ?? 200);
const REQUESTS = Number(process.argv[3] ?? 1_000_000);
const STARTS = 20;

const directory = mkdtempSync(join(tmpdir(), 'xtokend-bench-'));
const config = join(directory, 'xtokend.toml');
const log = join(directory, 'log');
const secrets = `${SECRETS}[log]\ntarget = "file:${log}"\n`;
const env = { XTOKEND_CONFIG: config, PATH: process.env['PATH'] };
writeFileSync(config, secrets, { mode: 0o600 });

const programs = { xtokend: resolve('bin/xtokend'), naive: resolve('test/terminal/naive.sh') };

for (const [name, program] of Object.entries(programs)) {
  const first = await sample(() => firstAnswer(program));
  say(`${name}: ${first} ms from the start to the first answer (median of ${STARTS})`);
  const tally = await tallyVerdicts(program, config, TERMINALS);
  say(
    `${name}: ${TERMINALS} terminals, of which ${tally.echoed} echoed the first request, and ${tally.badTerminals} gave wrong verdicts; ` +
      `verdicts: ${tally.right} right, ${tally.wrong} wrong; ${tally.unanswered} requests without an answer`,
  );
  const harness = new LptyHarness(program, env);
  await harness.warmUp();
  rmSync(log, { force: true });
  say(`${name}: ${REQUESTS} requests in turn: ${await harness.perform(`many ${REQUESTS} isuser:warm:up`)}`);
  harness.end();
}
say(`xtokend: under ${await sample(drainTime)} ms from exec to the empty terminal (median of ${STARTS})`);
rmSync(directory, { recursive: true });

async function sample(measure: () => Promise<number>): Promise<string> {
  const samples: number[] = [];
  for (let start = 0; start < STARTS; start += 1) samples.push(await measure());
  return median(samples).toFixed(1);
}

/** The first request starts the program; it is the second that is certainly answered. */
async function firstAnswer(program: string): Promise<number> {
  const harness = new LptyHarness(program, env);
  const start = performance.now();
  await harness.perform('raw 0a');
  await sleep(30);
  while (!['accepted', 'refused'].includes(await harness.ask('isuser:warm:up')));
  const elapsed = performance.now() - start;
  harness.end();
  return elapsed;
}

/** Measured from outside, by programs that note the time before xtokend and after its cat: a bound from above. */
async function drainTime(): Promise<number> {
  const bin = mkdtempSync(join(directory, 'bin-'));
  const [before, after] = [join(bin, 'before'), join(bin, 'after')];
  writeFileSync(join(bin, 'cat'), `#!/bin/sh\n/bin/cat\ndate +%s%N >>${after}\n`, { mode: 0o755 });
  writeFileSync(join(bin, 'start'), `#!/bin/sh\ndate +%s%N >${before}\nexec ${programs.xtokend}\n`, {
    mode: 0o755,
  });
  const harness = new LptyHarness(join(bin, 'start'), {
    ...env,
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
  });
  await harness.perform('raw 0a');
  await sleep(300);
  harness.end();
  const nanoseconds = (path: string): bigint => BigInt(readFileSync(path, 'utf8').split('\n', 1)[0] ?? '');
  return Number(nanoseconds(after) - nanoseconds(before)) / 1e6;
}
