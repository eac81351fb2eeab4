import type { ProsodyRelease } from '../../test/support/prosody.js';
import { ratios, spread } from '../support/figures.js';
import { cpuTime } from '../support/usage.js';
import { withOurs, type OurMachine } from './machines.js';
import { rawLogin, type RawLogin } from './raw-login.js';
import { assertHonest, prepareLogins, waysHere } from './ways.js';

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

const AT_A_TIME = [1, 20];

/** @returns rows for the table: each way of checking, and what ours costs beside each other */
export function measureSpeed(release: ProsodyRelease, logins: number, rounds: number): Promise<string[][]> {
  return withOurs(release, async (machine) => {
    for (const { host } of waysHere()) await assertHonest(machine.prosody, host);
    const rows: string[][] = [];
    for (const atATime of AT_A_TIME) {
      const samples = await sampleAll(machine, logins, rounds, atATime);
      rows.push(...rowsOf([release.name, `${atATime}`], samples));
    }
    return rows;
  });
}

async function sampleAll(
  machine: OurMachine,
  logins: number,
  rounds: number,
  atATime: number,
): Promise<Map<string, Sample[]>> {
  const samples = new Map(waysHere().map(({ name }) => [name, [] as Sample[]]));
  // The first round only warms up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, host } of waysHere()) {
      const sampled = await sample(machine, prepareLogins(machine.prosody, host, logins), atATime);
      if (round > 0) samples.get(name)?.push(sampled);
    }
  }
  return samples;
}

async function sample(
  { prosody, daemon }: OurMachine,
  logins: readonly RawLogin[],
  atATime: number,
): Promise<Sample> {
  const [prosodyBefore, xtokendBefore] = [cpuTime(prosody.pid), cpuTime(daemon.pid)];
  const start = performance.now();
  await logInAll(logins, atATime);
  const elapsed = performance.now() - start;
  const prosodyCpu = (cpuTime(prosody.pid) - prosodyBefore) / 1000;
  return {
    perSecond: (logins.length / elapsed) * 1000,
    prosodyCpu: prosodyCpu / logins.length,
    xtokendCpu: (cpuTime(daemon.pid) - xtokendBefore) / 1000 / logins.length,
    busy: (prosodyCpu / elapsed) * 100,
  };
}

async function logInAll(logins: readonly RawLogin[], atATime: number): Promise<void> {
  const waiting = logins.values();
  const worker = async (): Promise<void> => {
    for (const login of waiting) {
      const result = await rawLogin(login);
      if (result.decision !== 'accepted') {
        throw new Error(`expected ${login.username}@${login.domain} to log in: ${result.condition}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

function rowsOf(start: readonly string[], samples: ReadonlyMap<string, Sample[]>): string[][] {
  const [[, ours = []] = [], ...others] = samples;
  const ratio = (other: readonly Sample[], field: keyof Sample): string =>
    spread(ratios(valuesOf(ours, field), valuesOf(other, field)), 2);
  return [
    ...[...samples].map(([name, own]) => [...start, name, ...cellsOf(own)]),
    ...others.map(([name, other]) => [
      ...start,
      `ours / ${name}`,
      ratio(other, 'perSecond'),
      ratio(other, 'prosodyCpu'),
      '',
      '',
    ]),
  ];
}

function cellsOf(samples: readonly Sample[]): string[] {
  const cell = (field: keyof Sample, digits: number): string => spread(valuesOf(samples, field), digits);
  return [cell('perSecond', 0), cell('prosodyCpu', 2), cell('xtokendCpu', 2), cell('busy', 0)];
}

function valuesOf(samples: readonly Sample[], field: keyof Sample): number[] {
  return samples.map((sampled) => sampled[field]);
}
