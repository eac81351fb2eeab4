// What a login costs a real Prosody with our module, beside one that Prosody checks by itself; how long it stands still
// while xtokend hangs, beside the stock module; and the verdicts of real servers. Needs what the tests in test/servers
// need, and `npm run build`. Usage: npm run bench:servers [-- LOGINS], a round; few of them make it a smoke test.
import { isInstalled, releases } from '../test/support/prosody.js';
import { CHECK_HEAD, measureChecks } from './servers/checks.js';
import { measureSpeed, SPEED_HEAD } from './servers/speed.js';
import { measureStalls, STALL_HEAD, STALL_NOTE } from './servers/stalls.js';
import { runToEnd, say } from './support/clean-up.js';
import { describeMachine } from './support/machine.js';
import { table } from './support/table.js';
import { assertExpected, seeVerdicts, VERDICT_HEAD, type Verdicts } from './servers/verdicts.js';

const LOGINS = Number(process.argv[2] ?? 200);
/** Fewer logins than this a round measure nothing: one round then shows that it works. */
const FEW = 100;
const ROUNDS = LOGINS < FEW ? 1 : 5;
const STALL_ROUNDS = LOGINS < FEW ? 1 : 2;

await runToEnd(main);

async function main(): Promise<void> {
  if (!Number.isSafeInteger(LOGINS) || LOGINS < 1)
    throw new Error('usage: npm run bench:servers [-- LOGINS]');
  const installed = releases.filter(isInstalled);
  const names = installed.map(({ name }) => name).join(', ');
  if (installed.length === 0) throw new Error('expected a Prosody: see CONTRIBUTING.md');
  say(`${names}; ${describeMachine()}`);

  say(`\nLogins over TCP: ${ROUNDS} rounds of ${LOGINS}, alternated; median (least–most) of the rounds`);
  const speed: string[][] = [];
  for (const release of installed) speed.push(...(await measureSpeed(release, LOGINS, ROUNDS)));
  say(table(SPEED_HEAD, speed));

  say(`\nRefused passwords on one stream: ${ROUNDS} rounds of ${LOGINS}, alternated`);
  const checks: string[][] = [];
  for (const release of installed) checks.push(...(await measureChecks(release, LOGINS, ROUNDS)));
  say(table(CHECK_HEAD, checks));

  say(`\nPings of a connected user while xtokend is stopped by SIGSTOP: ${STALL_ROUNDS} rounds`);
  const stalls: string[][] = [];
  for (const release of installed) stalls.push(...(await measureStalls(release, STALL_ROUNDS)));
  say(`${table(STALL_HEAD, stalls)}\n${STALL_NOTE}`);

  say('\nVerdicts of real logins');
  const decisions: Verdicts[] = await seeVerdicts(installed);
  const cells = decisions.map(({ way, results }) => [...way, ...results]);
  say(table(VERDICT_HEAD, cells));
  assertExpected(decisions);
}
