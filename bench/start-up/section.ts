import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CClient, type Way } from '../support/c-client.js';
import { thenStopped } from '../support/clean-up.js';
import { writeConfiguration } from '../support/configuration.js';
import { differences, ratios, spread, verdictOn } from '../support/figures.js';
import { IS_USER } from '../support/requests.js';
import type { SectionOptions } from '../support/section.js';
import { placesOf } from '../support/subjects.js';
import { markdownTable } from '../support/table.js';
import { end } from '../../test/support/processes.js';
import { memoryOf } from '../support/usage.js';
import { measureGrowth } from './growth.js';

const HEAD = ['', 'ms', 'above bare node', 'at most', 'beside bare node'];
/** The targets: milliseconds above a bare node from its start to its end. */
const MOST = { pipe: 30, terminal: 45 };
const MOST_MEGABYTES = 20;
const MEMORY_HEAD = ['', 'MB', 'above bare node', 'at most'];
const SETTLE_MILLISECONDS = 1000;

/** How long it takes to the first answer, and how much memory it takes, beside a bare node. */
export async function startUp(options: SectionOptions): Promise<Record<string, string>> {
  const rounds = options.isSmoke ? 1 : 21;
  const samples = { bare: [] as number[], pipe: [] as number[], terminal: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    samples.bare.push(bareNode());
    samples.pipe.push(await firstAnswer(options, 'pipe'));
    samples.terminal.push(await firstAnswer(options, 'terminal'));
  }
  const rows = (['pipe', 'terminal'] as const).map((way) => {
    const above = differences(samples[way], samples.bare);
    const limit = `${MOST[way]}: ${verdictOn(above, MOST[way])}`;
    const ratio = spread(ratios(samples[way], samples.bare), 2);
    return [`first answer, ${way}`, spread(samples[way], 1), spread(above, 1), limit, ratio];
  });
  const bare = ['bare node (`node -e 0`), start to end', spread(samples.bare, 1), '', '', ''];
  return {
    'start-up': markdownTable(HEAD, [bare, ...rows]),
    memory: await compareMemory(options),
    growth: await measureGrowth(options),
  };
}

function bareNode(): number {
  const begin = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - begin;
}

async function firstAnswer(options: SectionOptions, transport: 'pipe' | 'terminal'): Promise<number> {
  const client = openOurs(options, transport);
  return thenStopped(
    () => client.close(),
    () => client.first(IS_USER),
  );
}

function openOurs({ programs, directory }: SectionOptions, transport: 'pipe' | 'terminal'): CClient {
  const way: Way = { transport, command: [resolve('bin/xtokend')] };
  const env = { XTOKEND_CONFIG: writeConfiguration(placesOf({ directory, recordIn: directory })) };
  return new CClient({ program: programs.client, directory, way, env });
}

async function compareMemory(options: SectionOptions): Promise<string> {
  const rounds = options.isSmoke ? 1 : 5;
  const [bare, ours]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await bareMemory());
    ours.push(await ourMemory(options));
  }
  const above = differences(ours, bare);
  return markdownTable(MEMORY_HEAD, [
    ['bare node, idle', spread(bare, 1), '', ''],
    [
      'xtokend, idle after its first answer',
      spread(ours, 1),
      spread(above, 1),
      `${MOST_MEGABYTES}: ${verdictOn(above, MOST_MEGABYTES)}`,
    ],
  ]);
}

async function bareMemory(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000); console.log(1)']);
  return thenStopped(
    () => end(child),
    async () => {
      await once(child.stdout, 'data');
      await sleep(SETTLE_MILLISECONDS);
      return memoryOf(child.pid ?? 0).peak;
    },
  );
}

/** The peak: a start that takes a lot for a moment needs it. */
async function ourMemory(options: SectionOptions): Promise<number> {
  const client = openOurs(options, 'pipe');
  return thenStopped(
    () => client.close(),
    async () => {
      await client.first(IS_USER);
      await sleep(SETTLE_MILLISECONDS);
      return memoryOf(client.programPid).peak;
    },
  );
}
