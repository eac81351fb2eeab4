// What a login costs a real Prosody with our module, beside one that Prosody checks by itself; how long it stands still
// while xtokend hangs, beside the stock module; and the verdicts of real servers. Needs what the tests in test/servers
// need, and `npm run build`. Usage: npm run bench:servers [-- LOGINS], a round; few of them make it a smoke test.
//
// It is bundled into node_modules/.cache itself, as test/support/xtokend.ts looks for bin/xtokend two folders up.
import { cpus, loadavg } from 'node:os';
import { isInstalled, releases } from '../test/support/prosody.js';
import { killLeftOvers, stopAll } from './servers/machines.js';
import { measureSpeed, SPEED_HEAD } from './servers/speed.js';
import { measureStalls, STALL_HEAD, STALL_NOTE } from './servers/stalls.js';
import { table } from './servers/table.js';
import { assertExpected, seeVerdicts, VERDICT_HEAD, type Verdicts } from './servers/verdicts.js';

const LOGINS = Number(process.argv[2] ?? 200);
/** Fewer logins than this a round measure nothing: one round then shows that it works. */
const FEW = 100;
const ROUNDS = LOGINS < FEW ? 1 : 5;
const STALL_ROUNDS = LOGINS < FEW ? 1 : 2;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(1));
try {
  await main();
  await end(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  await end(1);
}

async function main(): Promise<void> {
  if (!Number.isSafeInteger(LOGINS) || LOGINS < 1)
    throw new Error('usage: npm run bench:servers [-- LOGINS]');
  const installed = releases.filter(isInstalled);
  const names = installed.map(({ name }) => name).join(', ');
  if (installed.length === 0) throw new Error('expected a Prosody: see CONTRIBUTING.md');
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  say(`${names}; Node ${process.version}; ${cpus().length} CPUs, load ${load}`);

  say(`\nLogins over TCP: ${ROUNDS} rounds of ${LOGINS}, alternated; median (least–most) of the rounds`);
  const speed: string[][] = [];
  for (const release of installed) speed.push(...(await measureSpeed(release, LOGINS, ROUNDS)));
  say(table(SPEED_HEAD, speed));

  say(`\nPings of a connected user while xtokend is stopped by SIGSTOP: ${STALL_ROUNDS} rounds`);
  const stalls: string[][] = [];
  for (const release of installed) stalls.push(...(await measureStalls(release, STALL_ROUNDS)));
  say(`${table(STALL_HEAD, stalls)}\n${STALL_NOTE}`);

  say('\nVerdicts of real logins');
  const verdicts: Verdicts[] = await seeVerdicts(installed);
  const cells = verdicts.map(({ way, results }) => [...way, ...results]);
  say(table(VERDICT_HEAD, cells));
  assertExpected(verdicts);
}

/** Nothing that this run started stays, however it ends. */
async function end(status: number): Promise<void> {
  await stopAll();
  killLeftOvers();
  process.exit(status);
}

function say(lines: string): void {
  process.stdout.write(`${lines}\n`);
}
