import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newUser, tokenOf } from '../../test/servers/logins.js';
import { descendantsOf, findProgram } from '../../test/support/processes.js';
import type { Prosody, ProsodyRelease } from '../../test/support/prosody.js';
import { OUR_HOST, PLAIN_HOST, withOurs } from './machines.js';
import { rawLogin, type RawLogin } from './raw-login.js';
import { spread } from './table.js';

export const SPEED_HEAD: readonly string[] = [
  'server',
  'at a time',
  'checked by',
  'logins/s',
  "ms of Prosody's CPU a login",
  "ms of xtokend's CPU a login",
  'Prosody busy %',
];

/** What one round says about one way of checking. */
interface Sample {
  readonly perSecond: number;
  readonly prosodyCpu: number;
  readonly xtokendCpu: number;
  readonly busy: number;
}

/** The processes whose time is taken. */
interface Processes {
  readonly prosody: number;
  readonly xtokend: number;
}

const AT_A_TIME = [1, 20];
/** USER_HZ, in which /proc counts: the same on every Linux that Node runs on. */
const MILLISECONDS_A_TICK = 10;

/** @returns rows for the table: each way of checking, and what ours costs beside the other */
export function measureSpeed(release: ProsodyRelease, logins: number, rounds: number): Promise<string[][]> {
  return withOurs(release, async ({ prosody }) => {
    for (const host of [OUR_HOST, PLAIN_HOST]) await assertHonest(prosody, host);
    const xtokend = findProgram(descendantsOf(process.pid), 'node');
    const processes = { prosody: prosody.pid, xtokend };
    const rows: string[][] = [];
    for (const atATime of AT_A_TIME) {
      const ours: Sample[] = [];
      const plain: Sample[] = [];
      // The first round only warms up.
      for (let round = 0; round <= rounds; round += 1) {
        ours.push(await sample(processes, prepare(prosody, OUR_HOST, logins), atATime));
        plain.push(await sample(processes, prepare(prosody, PLAIN_HOST, logins), atATime));
      }
      rows.push(...rowsOf([release.name, `${atATime}`], ours.slice(1), plain.slice(1)));
    }
    return rows;
  });
}

/** A client that takes everything for a success would be fast. */
async function assertHonest(prosody: Prosody, host: string): Promise<void> {
  for (const login of prepare(prosody, host, 2)) {
    const bad = await rawLogin({ ...login, password: `${login.password.slice(0, -1)}!` });
    if (bad.verdict !== 'refused' || bad.condition !== 'not-authorized') {
      throw new Error(`expected ${host} to refuse a bad credential: ${JSON.stringify(bad)}`);
    }
  }
}

/** Gives each login a user and a credential of its own, as a token is good for one login. Both hosts get the same. */
function prepare(prosody: Prosody, host: string, count: number): RawLogin[] {
  const accounts = join(prosody.folder, 'data', host.replaceAll('.', '%2e'), 'accounts');
  if (host === PLAIN_HOST) mkdirSync(accounts, { recursive: true });
  return Array.from({ length: count }, () => {
    const username = newUser();
    const password = tokenOf(`${username}@${host}`);
    // What `prosodyctl register` would write. Prosody reads it when somebody logs in.
    const account = `return { ["password"] = ${JSON.stringify(password)}; };\n`;
    if (host === PLAIN_HOST) writeFileSync(join(accounts, `${username}.dat`), account);
    return { port: prosody.c2sPort, domain: host, username, password };
  });
}

async function sample(
  { prosody, xtokend }: Processes,
  logins: readonly RawLogin[],
  atATime: number,
): Promise<Sample> {
  const [prosodyBefore, xtokendBefore] = [cpuTime(prosody), cpuTime(xtokend)];
  const start = performance.now();
  await logInAll(logins, atATime);
  const elapsed = performance.now() - start;
  const prosodyCpu = cpuTime(prosody) - prosodyBefore;
  return {
    perSecond: (logins.length / elapsed) * 1000,
    prosodyCpu: prosodyCpu / logins.length,
    xtokendCpu: (cpuTime(xtokend) - xtokendBefore) / logins.length,
    busy: (prosodyCpu / elapsed) * 100,
  };
}

async function logInAll(logins: readonly RawLogin[], atATime: number): Promise<void> {
  const waiting = logins.values();
  const worker = async (): Promise<void> => {
    for (const login of waiting) {
      const result = await rawLogin(login);
      if (result.verdict !== 'accepted') {
        throw new Error(`expected ${login.username}@${login.domain} to log in: ${result.condition}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

/** @returns milliseconds that a process has computed, in user and in system mode (proc(5), `/proc/pid/stat`) */
function cpuTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses, and may hold anything; utime and stime are the 14th and 15th.
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11);
  return (Number(user) + Number(system)) * MILLISECONDS_A_TICK;
}

function rowsOf(start: readonly string[], ours: readonly Sample[], plain: readonly Sample[]): string[][] {
  /** A round beside the same round, as the machine's other work comes and goes. */
  const ratio = (field: keyof Sample): string =>
    spread(
      ours.map((sampled, round) => sampled[field] / (plain[round]?.[field] ?? Number.NaN)),
      2,
    );
  return [
    [...start, 'mod_auth_xtoken', ...cellsOf(ours)],
    [...start, 'internal_plain', ...cellsOf(plain)],
    [...start, 'ours / plain', ratio('perSecond'), ratio('prosodyCpu'), '', ''],
  ];
}

function cellsOf(samples: readonly Sample[]): string[] {
  const cell = (field: keyof Sample, digits: number): string =>
    spread(
      samples.map((sampled) => sampled[field]),
      digits,
    );
  return [cell('perSecond', 0), cell('prosodyCpu', 2), cell('xtokendCpu', 2), cell('busy', 0)];
}
