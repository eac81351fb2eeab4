import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@xmpp/client';
import { newUser, tokenOf } from '../../test/servers/logins.js';
import { descendantsOf } from '../../test/support/processes.js';
import type { Prosody, ProsodyRelease } from '../../test/support/prosody.js';
import { connect, ping } from '../../test/support/xmpp-login.js';
import { hasStock, OUR_HOST, TIMEOUT_SECONDS, withOurs, withStock } from './machines.js';
import { rawLogin, type RawLogin } from './raw-login.js';
import { thenStopped } from '../support/clean-up.js';
import { median } from '../support/figures.js';

export const STALL_HEAD: readonly string[] = [
  'server',
  'module',
  'logins that wait',
  'pings',
  'p50 ms',
  'worst ms',
  'worst of each round',
];

export const STALL_NOTE: string = `The time-out of both modules is ${TIMEOUT_SECONDS} s.`;

/** A Prosody and how to make its xtokend hang. */
interface Wiring {
  readonly module: string;
  readonly prosody: Prosody;
  /** How many logins wait at a time: with the stock module their time-outs add up, so that twenty would take 40 s. */
  readonly waiting: readonly number[];
  /** What the server says to a login that xtokend does not answer. */
  readonly condition: string;
  /** The processes of xtokend. */
  readonly pids: () => readonly number[];
}

/** The pings of each round. */
interface Case {
  readonly wiring: Wiring;
  readonly client: Client;
  readonly waiting: number;
  readonly rounds: number[][];
}

const CALM_MILLISECONDS = 500;
const REPLY_DEADLINE_MILLISECONDS = 10_000;

/** @returns rows for the table: pings before the hang and in it, with our module and with the stock one */
export function measureStalls(release: ProsodyRelease, rounds: number): Promise<string[][]> {
  return withOurs(release, async ({ prosody, daemon }) => {
    const ours: Wiring = {
      module: 'mod_auth_xtoken',
      prosody,
      waiting: [0, 20],
      condition: 'temporary-auth-failure',
      pids: () => [daemon.pid],
    };
    if (!hasStock())
      return [...(await rowsOf(release, [ours], rounds)), [release.name, 'stock: no lpty here']];
    return withStock(release, (other) => rowsOf(release, [ours, stockWiring(other)], rounds));
  });
}

function stockWiring(prosody: Prosody): Wiring {
  return {
    module: 'stock',
    prosody,
    waiting: [0, 1, 2],
    // It cannot tell a user that it does not know from an xtokend that says nothing.
    condition: 'not-authorized',
    pids: () => descendantsOf(prosody.pid),
  };
}

async function rowsOf(
  release: ProsodyRelease,
  wirings: readonly Wiring[],
  rounds: number,
): Promise<string[][]> {
  const cases: Case[] = [];
  const measureAll = async (): Promise<void> => {
    for (const wiring of wirings) {
      const client = await stay(wiring.prosody);
      cases.push(...wiring.waiting.map((waiting) => ({ wiring, client, waiting, rounds: [] })));
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const each of cases) each.rounds.push(await pingsOf(each));
    }
  };
  const leave = async (): Promise<void> => {
    for (const client of new Set(cases.map((each) => each.client))) await client.stop();
  };
  await thenStopped(leave, measureAll);
  return cases.map((each) => [release.name, ...cellsOf(each)]);
}

/** Logs a user in who stays. The stock module may lose the first login, which starts its program. */
async function stay(prosody: Prosody): Promise<Client> {
  const end = Date.now() + REPLY_DEADLINE_MILLISECONDS;
  while ((await rawLogin(freshLogin(prosody))).decision !== 'accepted') {
    if (Date.now() > end) throw new Error(`expected a login to work\n${prosody.log}`);
    await sleep(50);
  }
  const { domain, username, password } = freshLogin(prosody);
  return connect({ service: prosody.service('TCP'), domain, username, password });
}

async function pingsOf({ wiring, client, waiting }: Case): Promise<number[]> {
  if (waiting === 0) return pingUntil(client, sleep(CALM_MILLISECONDS));
  const pids = wiring.pids();
  try {
    await stop(pids);
    const logins = Array.from({ length: waiting }, async () => {
      const result = await rawLogin(freshLogin(wiring.prosody));
      const said = result.decision === 'refused' ? result.condition : 'accepted';
      if (said !== wiring.condition) {
        throw new Error(
          `${wiring.module}, ${waiting} waiting: expected ${wiring.condition}, received ${said}`,
        );
      }
    });
    return await pingUntil(client, Promise.all(logins));
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    // What it was asked meanwhile is answered before the next round.
    await sleep(CALM_MILLISECONDS);
  }
}

/** @returns once all of some processes stand still (proc(5): state T): one that still runs would answer */
async function stop(pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const runs = (pid: number): boolean => !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') T ');
  const end = Date.now() + REPLY_DEADLINE_MILLISECONDS;
  while (pids.some(runs)) {
    if (Date.now() > end) throw new Error(`expected SIGSTOP to stop ${pids.filter(runs).join(', ')}`);
    await sleep(5);
  }
}

function freshLogin(prosody: Prosody): RawLogin {
  const username = newUser();
  const password = tokenOf(`${username}@${OUR_HOST}`);
  return { port: prosody.c2sPort, domain: OUR_HOST, username, password };
}

/** @returns the milliseconds of pings in a row, of which the last begins before something is done */
async function pingUntil(client: Client, work: Promise<unknown>): Promise<number[]> {
  const done = new AbortController();
  const finished = work.finally(() => {
    done.abort();
  });
  // Whatever it throws is thrown below, after the last ping.
  finished.catch(() => undefined);
  const pings: number[] = [];
  while (!done.signal.aborted) pings.push(await ping(client));
  await finished;
  return pings;
}

function cellsOf({ wiring, waiting, rounds }: Case): string[] {
  const all = rounds.flat();
  const worst = rounds.map((pings) => Math.max(...pings).toFixed(1));
  const hang = waiting === 0 ? 'none: xtokend answers' : `${waiting}`;
  return [
    wiring.module,
    hang,
    `${all.length}`,
    median(all).toFixed(2),
    Math.max(...all).toFixed(1),
    worst.join(', '),
  ];
}
