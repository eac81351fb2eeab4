import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { SECRETS } from '../test/support/keys.js';
import { LptyHarness } from '../test/terminal/lpty-harness.js';
import { disturbances, storm, type Disturbance, type StormResult } from '../test/servers/stock/storm.js';
import { stockSettings } from '../test/servers/stock/settings.js';
import { tallyOutcomes } from '../test/terminal/outcomes.js';
import { installedReleases, startStock } from './servers/prosody.js';
import { print, scope } from './support/clean-up.js';
import { table } from './support/figures.js';
import { MissingProgramError, writeConfiguration } from './support/programs.js';
import type { Tables } from './main.js';
import type { ProsodyRelease } from '../test/support/servers/prosody.js';

const ANSWERS_HEAD = ['', 'echoed the first request', 'terminals with wrong outcomes', 'right', 'wrong'];
const STORMS_HEAD = [
  'server',
  'disturbed by',
  'hosts',
  'wrongly accepted, by run',
  'wrong afterwards, by run',
];
const PROGRAMS = { xtokend: 'bin/xtokend', 'a program that answers every line': 'test/terminal/naive.sh' };
const LOGINS_AFTERWARDS = 20;

/** Counts wrong outcomes on terminals of lpty, as Prosody's stock external module uses them. */
export async function terminal(isSmoke: boolean): Promise<Tables> {
  const [terminals, count] = isSmoke ? [4, 100] : [200, 1_000_000];
  if (!existsSync('/usr/bin/lua5.2'))
    throw new MissingProgramError("expected lpty: install Debian's lua5.2 and lua-lpty");
  const config = writeConfiguration(`${SECRETS}[log]\ntarget = "file:/dev/null"\n`);
  const rows: string[][] = [];
  for (const [name, path] of Object.entries(PROGRAMS)) {
    const tally = await tallyOutcomes(resolve(path), config, terminals);
    const { echoed, badTerminals, right, wrong, unanswered } = tally;
    const harness = new LptyHarness(resolve(path), { XTOKEND_CONFIG: config });
    await harness.warmUp();
    const many = await harness.perform(`many ${count} isuser:warm:up`);
    harness.end();
    rows.push([name, ...[echoed, badTerminals, right, wrong, unanswered].map(String), many]);
  }
  return { terminal: table([...ANSWERS_HEAD, 'unanswered', `${count} requests in sequence`], rows) };
}

/** Counts logins with a wrong result while signals disturb a Prosody with the stock module, and afterwards. */
export async function storms(isSmoke: boolean): Promise<Tables> {
  const rows: string[][] = [];
  for (const release of installedReleases()) {
    for (const [name, disturb] of disturbances) {
      for (const hosts of [['example.com'], ['example.com', 'pool.example']]) {
        const results = await runStorms(release, hosts, disturb, isSmoke);
        const column = (key: keyof StormResult): string => results.map((result) => result[key]).join(' ');
        const counts = [column('wronglyAccepted'), column('wrongAfterwards')];
        rows.push([release.name, name, String(hosts.length), ...counts]);
        print(rows.at(-1)?.join(' | ') ?? '');
      }
    }
  }
  return { storms: table(STORMS_HEAD, rows) };
}

async function runStorms(
  release: ProsodyRelease,
  hosts: readonly string[],
  disturb: Disturbance,
  isSmoke: boolean,
): Promise<StormResult[]> {
  const [runs, logins] = isSmoke ? [1, 10] : [20, 300];
  const more = stockSettings(2).replace('example.com', 'pool.example');
  const results: StormResult[] = [];
  for (let run = 0; run < runs; run += 1) {
    const once = async (): Promise<StormResult> => {
      const prosody = await startStock(release, more);
      return storm(prosody, { hosts, logins, loginsAfterwards: LOGINS_AFTERWARDS, disturb });
    };
    results.push(await scope(once));
  }
  return results;
}
