import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf } from '../../test/support/system/processes.js';
import type { Prosody } from '../../test/support/servers/prosody.js';
import { connect, ping } from '../../test/support/servers/xmpp-login.js';
import { defer, scope } from '../support/clean-up.js';
import { format, median, table } from '../support/figures.js';
import { installedReleases, OURS, startOurs, startStock, validLogins } from './prosody.js';
import { rawLogin, type Login } from './raw-login.js';
import type { Tables } from '../main.js';

const HEAD = ['server', 'module', 'waiting logins', 'pings', 'p50 ms', 'worst ms'];
const PAUSE_MILLISECONDS = 500;
const START_MILLISECONDS = 10_000;

/** A Prosody, and the xtokend processes to stop. */
interface Setup {
  readonly module: string;
  readonly prosody: Prosody;
  readonly pids: () => readonly number[];
  /** The SASL error condition of a login that xtokend does not answer. */
  readonly condition: string;
  /** How many logins to send at the same time; 0 measures without a hang. */
  readonly waiting: readonly number[];
}

type Client = Awaited<ReturnType<typeof connect>>;

/** Measures the pings of a connected user while xtokend is stopped, with our module and with the stock one. */
export async function hangs(isSmoke: boolean): Promise<Tables> {
  const rows: string[][] = [];
  for (const release of installedReleases()) {
    await scope(async () => {
      const { prosody, daemon } = await startOurs(release);
      const stock = await startStock(release);
      const setups: Setup[] = [
        {
          module: OURS.name,
          prosody,
          pids: () => [daemon.pid],
          condition: 'temporary-auth-failure',
          waiting: [0, 20],
        },
        {
          module: 'stock',
          prosody: stock,
          pids: () => descendantsOf(stock.pid),
          condition: 'not-authorized',
          // Time-outs add up: 20 logins would block Prosody for 40 s.
          waiting: [0, 1, 2],
        },
      ];
      for (const setup of setups) rows.push(...(await rowsOf(release.name, setup, isSmoke ? 1 : 2)));
    });
  }
  return { hangs: table(HEAD, rows) };
}

async function rowsOf(server: string, setup: Setup, rounds: number): Promise<string[][]> {
  const client = await connectUser(setup.prosody);
  const rows: string[][] = [];
  for (const waiting of setup.waiting) {
    const pings: number[] = [];
    for (let round = 0; round < rounds; round += 1) pings.push(...(await pingsOf(setup, client, waiting)));
    const figures = [format(median(pings), 2), format(Math.max(...pings), 1)];
    rows.push([
      server,
      setup.module,
      waiting === 0 ? 'none' : String(waiting),
      String(pings.length),
      ...figures,
    ]);
  }
  return rows;
}

/** Retries, because the stock module can lose the first login, which starts its program. */
async function connectUser(prosody: Prosody): Promise<Client> {
  const deadline = Date.now() + START_MILLISECONDS;
  while ((await rawLogin(freshLogin(prosody))) !== undefined) {
    if (Date.now() > deadline) throw new Error(`expected a login to succeed\n${prosody.log}`);
    await sleep(50);
  }
  const client = await connect({ service: prosody.service('TCP'), ...freshLogin(prosody) });
  defer(() => leave(client));
  return client;
}

async function leave(client: Client): Promise<void> {
  await client.stop();
}

async function pingsOf(setup: Setup, client: Client, waiting: number): Promise<number[]> {
  if (waiting === 0) return pingUntil(client, sleep(PAUSE_MILLISECONDS));
  const pids = setup.pids();
  try {
    await stop(pids);
    const logins = Array.from({ length: waiting }, async () => {
      const condition = await rawLogin(freshLogin(setup.prosody));
      if (condition === setup.condition) return;
      throw new Error(`${setup.module}: expected ${setup.condition}, received ${condition ?? 'success'}`);
    });
    return await pingUntil(client, Promise.all(logins));
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await sleep(PAUSE_MILLISECONDS);
  }
}

function freshLogin(prosody: Prosody): Login {
  const [login] = validLogins(prosody, OURS, 1);
  if (login === undefined) throw new Error('expected a login');
  return login;
}

/** Returns when all processes are in state T (proc(5)), because one that still runs would answer. */
async function stop(pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const runs = (pid: number): boolean => !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') T ');
  const deadline = Date.now() + START_MILLISECONDS;
  while (pids.some(runs)) {
    if (Date.now() > deadline) throw new Error(`expected SIGSTOP to stop ${pids.filter(runs).join(', ')}`);
    await sleep(5);
  }
}

/** Returns the milliseconds of successive pings, the last of which is sent before the work is done. */
async function pingUntil(client: Client, work: Promise<unknown>): Promise<number[]> {
  const pings: number[] = [];
  const done = new AbortController();
  const finished = work.finally(() => {
    done.abort();
  });
  // An error is thrown below, after the last ping.
  finished.catch(() => undefined);
  while (!done.signal.aborted) pings.push(await ping(client));
  await finished;
  return pings;
}
