import type { Prosody, ProsodyRelease } from '../../test/support/servers/prosody.js';
import { scope } from '../support/clean-up.js';
import { inRounds, ratios, spread, table } from '../support/figures.js';
import { cpuTime } from '../support/process-usage.js';
import { installedReleases, invalidLogins, OURS, PROVIDERS, startOurs, validLogins } from './prosody.js';
import { rawLogin, rawRefusals, type Login } from './raw-login.js';
import type { Tables } from '../main.js';

const HEAD = [
  'server',
  'at a time',
  'provider',
  'logins per second',
  'Prosody CPU ms per login',
  'xtokend CPU ms per login',
  'Prosody busy %',
];
const CHECKS_HEAD = ['server', 'provider', 'Prosody CPU µs per check', 'ratio of ours to it'];

/** Measures what a login costs Prosody with our module, against providers inside Prosody. */
export async function servers(isSmoke: boolean): Promise<Tables> {
  const [count, rounds, warmUp] = isSmoke ? [3, 1, 3] : [200, 7, 3000];
  const logins: string[][] = [];
  const checks: string[][] = [];
  const measure = async (release: ProsodyRelease): Promise<void> => {
    const { prosody, daemon } = await startOurs(release);
    const compare = async (name: string, atATime: number): Promise<void> => {
      const samples = await inRounds(PROVIDERS, rounds, (provider) =>
        measureLogins(validLogins(prosody, provider, count), atATime, [prosody.pid, daemon.pid]),
      );
      logins.push(...loginRows([release.name, name], samples));
    };
    await compare('1, after the start', 1);
    // V8 compiles what has run often, and until then xtokend takes three times as long.
    await measureLogins(validLogins(prosody, OURS, warmUp), 20, [prosody.pid, daemon.pid]);
    await compare('1', 1);
    await compare('20', 20);
    checks.push(...(await checkRows(release, prosody, count, rounds)));
  };
  for (const release of installedReleases()) await scope(() => measure(release));
  return { servers: table(HEAD, logins), checks: table(CHECKS_HEAD, checks) };
}

interface Sample {
  readonly perSecond: number;
  /** Milliseconds per login. */
  readonly prosodyCpu: number;
  readonly xtokendCpu: number;
  readonly busy: number;
}

async function measureLogins(
  logins: readonly Login[],
  atATime: number,
  pids: readonly number[],
): Promise<Sample> {
  const before = pids.map(cpuTime);
  const start = performance.now();
  const waiting = logins.values();
  const worker = async (): Promise<void> => {
    for (const login of waiting) {
      const condition = await rawLogin(login);
      if (condition === undefined) continue;
      throw new Error(`expected ${login.username}@${login.domain} to log in: ${condition}`);
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  const elapsed = performance.now() - start;
  const [prosody = 0, xtokend = 0] = pids.map((pid, index) => (cpuTime(pid) - (before[index] ?? 0)) / 1000);
  return {
    perSecond: (logins.length / elapsed) * 1000,
    prosodyCpu: prosody / logins.length,
    xtokendCpu: xtokend / logins.length,
    busy: (prosody / elapsed) * 100,
  };
}

function loginRows(start: readonly string[], samples: readonly (readonly Sample[])[]): string[][] {
  const values = (index: number, field: keyof Sample): number[] =>
    (samples[index] ?? []).map((sample) => sample[field]);
  const own = PROVIDERS.map(({ name }, index) => [
    ...start,
    name,
    spread(values(index, 'perSecond'), 0),
    spread(values(index, 'prosodyCpu'), 2),
    spread(values(index, 'xtokendCpu'), 2),
    spread(values(index, 'busy'), 0),
  ]);
  const compared = PROVIDERS.slice(1).map(({ name }, index) => {
    const ratio = (field: keyof Sample): string =>
      spread(ratios(values(0, field), values(index + 1, field)), 2);
    return [...start, `ours / ${name}`, ratio('perSecond'), ratio('prosodyCpu'), '', ''];
  });
  return [...own, ...compared];
}

/** Measures refusals on one stream, because a login is mostly streams and XML, which hide the cost of the check. */
async function checkRows(
  { name }: ProsodyRelease,
  prosody: Prosody,
  count: number,
  rounds: number,
): Promise<string[][]> {
  const samples = await inRounds(PROVIDERS, rounds, async (provider) => {
    const logins = invalidLogins(prosody, provider, count);
    const before = cpuTime(prosody.pid);
    await rawRefusals(logins);
    return (cpuTime(prosody.pid) - before) / count;
  });
  const [ours = []] = samples;
  return PROVIDERS.map((provider, index) => {
    const own = samples[index] ?? [];
    return [name, provider.name, spread(own, 0), index === 0 ? '' : spread(ratios(ours, own), 2)];
  });
}
