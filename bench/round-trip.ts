import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { scope } from './support/clean-up.js';
import { Client, type Transport } from './support/client.js';
import {
  differences,
  inRounds,
  percentiles,
  ratios,
  spread,
  table,
  target,
  type Percentiles,
} from './support/figures.js';
import {
  cacheIn,
  configuration,
  programPath,
  startDaemon,
  startListener,
  writeConfiguration,
} from './support/programs.js';
import { IS_USER, requests, type Outcome } from './support/requests.js';
import type { Tables } from './main.js';

const HEAD = [
  'transport',
  'cores',
  'request',
  'xtokend p50 µs',
  'echo p50 µs',
  'difference µs',
  'ratio of p50',
  'target',
  'ratio of p99',
  'target',
];
const TARGET_P50 = { pipe: 1.25, socket: 1.25, terminal: 1.4 };
const TARGET_P99 = 1.6;
const CLIENT_CORE = 0;
const PROGRAM_CORE = 1;

interface Case {
  readonly transport: Transport;
  /**
   * Whether client and program share a core. The scheduler would place them differently from run to run, and waking the other
   * core costs more than all the rest.
   */
  readonly cores: 'one' | 'two';
}

/** Measures one request at a time, against a C program that answers at once. */
export async function roundTrip(isSmoke: boolean): Promise<Tables> {
  const rows: string[][] = [];
  for (const transport of ['pipe', 'socket', 'terminal'] as const) {
    for (const cores of ['two', 'one'] as const) {
      rows.push(...(await scope(() => measure({ transport, cores }, isSmoke))));
    }
  }
  return { 'round-trip': table(HEAD, rows) };
}

async function measure(each: Case, isSmoke: boolean): Promise<string[][]> {
  const { warmUp, rounds, count } = isSmoke
    ? { warmUp: 5, rounds: 1, count: 20 }
    : { warmUp: 5000, rounds: 9, count: 2000 };
  const ours = await open(each, 'xtokend');
  const echo = await open(each, 'echo');
  for (const client of [ours, echo]) await client.sequential(requests(warmUp));
  const rows: string[][] = [];
  for (const outcome of ['accepted', 'refused'] as const) {
    const samples = await inRounds([ours, echo], rounds, async (client) =>
      // The echo accepts everything.
      percentiles(await client.sequential(requests(count, outcome), client === echo ? 'accepted' : outcome)),
    );
    rows.push(rowOf(each, outcome, samples));
  }
  return rows;
}

async function open(each: Case, program: 'xtokend' | 'echo'): Promise<Client> {
  const { transport } = each;
  if (transport === 'socket') {
    const { path, pid } =
      program === 'echo' ? await startListener(programPath('echo')) : await startDaemon(cacheIn());
    const client = new Client(transport, path);
    await client.first(IS_USER);
    pin(each, client.pid, [pid]);
    return client;
  }
  const client =
    program === 'echo'
      ? new Client(transport, programPath('echo'))
      : new Client(transport, resolve('bin/xtokend'), {
          XTOKEND_CONFIG: writeConfiguration(configuration(cacheIn())),
        });
  await client.first(IS_USER);
  pin(each, client.pid, client.children);
  return client;
}

function pin({ cores }: Case, client: number, programs: readonly number[]): void {
  for (const pid of programs) setCore(pid, PROGRAM_CORE);
  setCore(client, cores === 'one' ? PROGRAM_CORE : CLIENT_CORE);
}

function setCore(pid: number, core: number): void {
  const { status, stderr } = spawnSync('taskset', ['-apc', String(core), String(pid)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`expected taskset to place process ${pid}: ${stderr}`);
}

function rowOf({ transport, cores }: Case, outcome: Outcome, samples: Percentiles[][]): string[] {
  const [ours50 = [], echo50 = []] = samples.map((rounds) => rounds.map(({ p50 }) => p50));
  const [ours99 = [], echo99 = []] = samples.map((rounds) => rounds.map(({ p99 }) => p99));
  return [
    transport,
    cores,
    outcome,
    spread(ours50, 0),
    spread(echo50, 0),
    spread(differences(ours50, echo50), 0),
    spread(ratios(ours50, echo50), 2),
    target(ratios(ours50, echo50), TARGET_P50[transport]),
    spread(ratios(ours99, echo99), 2),
    target(ratios(ours99, echo99), TARGET_P99),
  ];
}
