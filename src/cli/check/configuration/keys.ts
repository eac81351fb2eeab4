import { isActiveAt, type NamedKey } from '../../../credential/key.js';
import type { Hosts, HostSettings } from '../../../config/configuration.js';
import { formatTime } from '../../shared/time.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';

const { note, warning, problem } = findings('keys');

const MILLISECONDS_PER_DAY = 24 * 60 * 60 * 1000;
const SOON_DAYS = 14;

/** Checks when keys are active, by `not_before` and `not_after`. */
export function checkKeys({ configuration, now }: Situation): Finding[] {
  if (configuration === undefined) return [];
  const { hosts } = configuration;
  return [...hosts.keys.flatMap((key) => checkPeriod(key, now)), ...checkHosts(hosts, now)];
}

function checkPeriod({ id, notBefore, notAfter }: NamedKey, now: number): Finding[] {
  if (notAfter <= now) {
    const message = `the key "${id}" expired at ${formatTime(notAfter)}`;
    return [warning('key-expired', message, 'remove it, or correct not_after')];
  }
  if (notBefore > now)
    return [note('key-not-yet-active', `the key "${id}" becomes active at ${formatTime(notBefore)}`)];
  const days = Math.floor((notAfter - now) / MILLISECONDS_PER_DAY);
  if (days >= SOON_DAYS) return [];
  const message = `the key "${id}" expires in ${days === 0 ? 'less than a day' : `${days} d`}, at ${formatTime(notAfter)}`;
  const fix = 'add the next key beside it, and give that to the signing side before this time';
  return [warning('key-expires-soon', message, fix)];
}

function checkHosts(hosts: Hosts, now: number): Finding[] {
  const fix = 'correct not_before and not_after, or add a key from `xtokend keygen`';
  return hosts.all
    .filter(({ keys }) => !keys.some((key) => isActiveAt(key, now)))
    .map((settings) => `${nameOf(settings, hosts)} has no active key, so every login there is refused`)
    .map((message) => problem('host-without-key', message, fix));
}

/** Returns the name of a host. If the configuration has no name for it, describes it by its keys. */
function nameOf(settings: HostSettings, hosts: Hosts): string {
  const name = hosts.names?.find((host) => hosts.of(host) === settings);
  return name ?? `each host of the keys ${settings.keys.map(({ id }) => `"${id}"`).join(', ')}`;
}
