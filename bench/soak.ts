// Whether anything slows or grows with time: `npm run bench:soak [-- MINUTES [RATE]]`. Logs in so many times a second, at even
// intervals, and asks the bare echo in C as often: what slows both is the machine. A line for each minute.
import { setTimeout as sleep } from 'node:timers/promises';
import { runToEnd, say, thenStopped, withFolder, withState } from './support/clean-up.js';
import { compile } from './support/compile.js';
import { format, percentiles, type Percentiles } from './support/figures.js';
import { describeMachine } from './support/machine.js';
import { requests } from './support/requests.js';
import { withDaemon, withListener, type Listener } from './support/subjects.js';
import { descriptorsOf, memoryOf } from './support/usage.js';
import { SteadyClient } from './soak/steady-client.js';

const [MINUTES, RATE] = [Number(process.argv[2] ?? 30), Number(process.argv[3] ?? 500)];
const SECOND = 1000;
/** Between two requests of one connection the timer is not finer than this. */
const TICK_MILLISECONDS = 2;

await runToEnd(async () => {
  if (!Number.isSafeInteger(MINUTES) || MINUTES < 2 || !Number.isSafeInteger(RATE) || RATE < 1) {
    throw new Error('usage: npm run bench:soak [-- MINUTES [RATE]], at least 2 minutes');
  }
  await withState(() => withFolder(soakIn));
});

async function soakIn(directory: string): Promise<void> {
  const programs = compile(directory);
  if (programs === undefined) throw new Error("expected Debian's gcc: the echo is in C");
  say(`${describeMachine()}; ${RATE} logins a second for ${MINUTES} minutes`);
  await withDaemon({ directory, recordIn: directory }, (daemon) =>
    withListener(directory, [programs.echo], (echo) => soak(daemon, echo)),
  );
}

async function soak(daemon: Listener, echo: Listener): Promise<void> {
  const [ours, bare] = [await SteadyClient.open(daemon.path), await SteadyClient.open(echo.path)];
  const close = (): Promise<void> => {
    for (const client of [ours, bare]) client.close();
    return Promise.resolve();
  };
  const minutes: Percentiles[] = [];
  await thenStopped(close, async () => {
    for (let minute = 1; minute <= MINUTES; minute += 1) {
      await askForAMinute(ours, bare);
      const own = percentiles(ours.takeSamples());
      minutes.push(own);
      say(lineOf(minute, daemon.pid, own, percentiles(bare.takeSamples())));
    }
  });
  const ratio = (minutes.at(-1)?.p99 ?? Number.NaN) / (minutes[1]?.p99 ?? Number.NaN);
  say(`p99 of the last minute beside that of the second: ${format(ratio, 2)}; at most 1.2`);
}

/** Tokens are minted a second ahead, while nobody waits. */
async function askForAMinute(ours: SteadyClient, bare: SteadyClient): Promise<void> {
  for (let second = 0; second < 60; second += 1) {
    const lines = requests(RATE).split(/(?<=\n)/);
    const begin = performance.now();
    let asked = 0;
    while (asked < RATE) {
      const due = Math.min(RATE, Math.ceil(((performance.now() - begin) / SECOND) * RATE));
      for (const line of lines.slice(asked, due)) for (const client of [ours, bare]) client.ask(line);
      asked = Math.max(asked, due);
      await sleep(TICK_MILLISECONDS);
    }
    await sleep(Math.max(0, SECOND - (performance.now() - begin)));
  }
  for (const client of [ours, bare]) await client.allAnswered();
}

function lineOf(minute: number, pid: number, ours: Percentiles, echo: Percentiles): string {
  const times = ({ p50, p99, worst }: Percentiles): string =>
    `p50 ${format(p50, 0)}, p99 ${format(p99, 0)}, worst ${format(worst, 0)} µs`;
  const use = `${format(memoryOf(pid).now, 1)} MB, ${descriptorsOf(pid)} descriptors`;
  return `minute ${minute}: ${times(ours)}; echo: ${times(echo)}; ${use}`;
}
