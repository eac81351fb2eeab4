// How many logins get a result that isn't theirs while signals disturb a real Prosody with the stock module, and afterwards.
// Needs what the tests in test/servers need. Usage: npm run bench:storms [-- RUNS [LOGINS]]
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isInstalled, LPTY_FOLDER, Prosody, releases, type ProsodyRelease } from '../test/support/prosody.js';
import { disturbances, storm, type Disturbance, type StormResult } from '../test/servers/stock/storm.js';
import { STOCK_CONFIGURATION, stockEnvironment, stockSettings } from '../test/servers/stock/wiring.js';
import { runToEnd, say, thenStopped, withFolder, withState } from './support/clean-up.js';
import { describeMachine } from './support/machine.js';
import { table } from './support/table.js';

const RUNS = Number(process.argv[2] ?? 20);
const LOGINS = Number(process.argv[3] ?? 300);
const LOGINS_AFTERWARDS = 20;
const HEAD = ['release', 'disturbed by', 'hosts', 'wrongly accepted, each run', 'wrong afterwards, each run'];

await runToEnd(() => withState(main));

async function main(): Promise<void> {
  const installed = releases.filter(isInstalled);
  if (installed.length === 0 || !existsSync(LPTY_FOLDER))
    throw new Error('expected a Prosody: see CONTRIBUTING.md');
  say(`${RUNS} runs of ${LOGINS} logins, and ${LOGINS_AFTERWARDS} afterwards; ${describeMachine()}`);
  const rows: string[][] = [];
  for (const release of installed) {
    for (const [name, disturb] of disturbances) {
      for (const hosts of [['example.com'], ['example.com', 'pool.example']]) {
        const results = await measure(release, hosts, disturb);
        const column = (key: keyof StormResult): string => results.map((result) => result[key]).join(' ');
        rows.push([
          release.name,
          name,
          String(hosts.length),
          column('wronglyAccepted'),
          column('wrongAfterwards'),
        ]);
        say(rows.at(-1)?.join(' | ') ?? '');
      }
    }
  }
  say(table(HEAD, rows));
}

function measure(
  release: ProsodyRelease,
  hosts: readonly string[],
  disturb: Disturbance,
): Promise<StormResult[]> {
  return withFolder(async (directory) => {
    const config = join(directory, 'xtokend.toml');
    writeFileSync(config, STOCK_CONFIGURATION, { mode: 0o600 });
    const settings = stockSettings(2);
    const more = settings.replace('example.com', 'pool.example');
    const results: StormResult[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      const prosody = await Prosody.start({
        release,
        configuration: settings,
        more,
        env: stockEnvironment(config),
      });
      const options = { hosts, logins: LOGINS, loginsAfterwards: LOGINS_AFTERWARDS, disturb };
      results.push(
        await thenStopped(
          () => prosody.stop(),
          () => storm(prosody, options),
        ),
      );
    }
    return results;
  });
}
