import type { ProsodyRelease } from '../../test/support/prosody.js';
import { ratios, spread } from '../support/figures.js';
import { cpuTime } from '../support/usage.js';
import { withOurs } from './machines.js';
import { rawRefusals } from './raw-login.js';
import { prepareRefusals, waysHere } from './ways.js';

export const CHECK_HEAD: readonly string[] = [
  'server',
  'checked by',
  "µs of Prosody's CPU a check",
  'ours beside it',
];

/**
 * A login is mostly streams and XML, in which the check is lost. Here another's token is refused again and again on one
 * stream: what is left beside the check is one stanza there and one back.
 *
 * @returns rows for the table
 */
export function measureChecks(release: ProsodyRelease, checks: number, rounds: number): Promise<string[][]> {
  return withOurs(release, async ({ prosody }) => {
    const samples = new Map(waysHere().map(({ name }) => [name, [] as number[]]));
    // The first round only warms up.
    for (let round = 0; round <= rounds; round += 1) {
      for (const { name, host } of waysHere()) {
        const attempts = prepareRefusals(prosody, host, checks);
        const before = cpuTime(prosody.pid);
        await rawRefusals(prosody.c2sPort, host, attempts);
        if (round > 0) samples.get(name)?.push((cpuTime(prosody.pid) - before) / checks);
      }
    }
    const [[, ours = []] = []] = samples;
    return [...samples].map(([name, own]) => [
      release.name,
      name,
      spread(own, 0),
      own === ours ? '' : spread(ratios(ours, own), 2),
    ]);
  });
}
