import { isInstalled, releases } from '../../test/support/prosody.js';
import { say } from '../support/clean-up.js';
import type { SectionOptions } from '../support/section.js';
import { markdownTable } from '../support/table.js';
import { CHECK_HEAD, measureChecks } from './checks.js';
import { hasLuaossl } from './machines.js';
import { measureSpeed, SPEED_HEAD } from './speed.js';

const ROUNDS = 7;
const LOGINS = 200;

/** What a login costs Debian's Prosody, with our module and with checks of its own. */
export async function servers({ isSmoke }: SectionOptions): Promise<Record<string, string>> {
  const [release] = releases;
  const missing = [
    ...(release !== undefined && isInstalled(release) ? [] : ['prosody']),
    ...(hasLuaossl() ? [] : ['lua-luaossl']),
  ];
  if (missing.length > 0 || release === undefined) return skip(missing);
  const [logins, rounds] = isSmoke ? [3, 1] : [LOGINS, ROUNDS];
  return {
    servers: markdownTable(SPEED_HEAD, await measureSpeed(release, logins, rounds)),
    checks: markdownTable(CHECK_HEAD, await measureChecks(release, logins, rounds)),
  };
}

function skip(missing: readonly string[]): Record<string, string> {
  const message = `Debian's ${missing.join(' and ')} not installed`;
  if (process.env['CI'] === 'true')
    throw new Error(`expected a Prosody to measure: ${message}; .ci/run installs it`);
  say(`servers skipped: ${message}`);
  return {};
}
