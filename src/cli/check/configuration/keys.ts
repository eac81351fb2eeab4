import { isActiveAt, type NamedKey } from '../../../credential/key.js';
import type { Hosts, HostSettings } from '../../../config/configuration.js';
import { formatTime } from '../../time.js';
import type { Finding } from '../finding.js';
import type { Situation } from '../situation.js';

const MILLISECONDS_PER_DAY = 24 * 60 * 60 * 1000;
const SOON_DAYS = 14;

/** Looks at when keys are good, by `not_before` and `not_after`. */
export function checkKeys({ configuration, now }: Situation): Finding[] {
  if (configuration === undefined) return [];
  const { hosts } = configuration;
  return [...hosts.keys.flatMap((key) => checkPeriod(key, now)), ...checkHosts(hosts, now)];
}

function checkPeriod({ id, notBefore, notAfter }: NamedKey, now: number): Finding[] {
  if (notAfter <= now) {
    const message = `the key "${id}" has been good for nothing since ${formatTime(notAfter)}`;
    return [finding('warning', 'key-expired', message, 'take it out, or correct not_after')];
  }
  if (notBefore > now) {
    return [
      finding('note', 'key-not-yet-active', `the key "${id}" is good from ${formatTime(notBefore)} on`),
    ];
  }
  const days = Math.floor((notAfter - now) / MILLISECONDS_PER_DAY);
  if (days >= SOON_DAYS) return [];
  const message = `the key "${id}" is good for ${days === 0 ? 'less than a day' : `${days} d`} more, until ${formatTime(notAfter)}`;
  const fix = 'give the signing side the next key before that, beside this one';
  return [finding('warning', 'key-expires-soon', message, fix)];
}

function checkHosts(hosts: Hosts, now: number): Finding[] {
  return hosts.all
    .filter(({ keys }) => !keys.some((key) => isActiveAt(key, now)))
    .map((settings) => {
      const message = `${nameOf(settings, hosts)} has no key that is good now: every login there is refused`;
      const fix = 'correct not_before and not_after, or add a key: `xtokend keygen`';
      return finding('problem', 'host-without-key', message, fix);
    });
}

/** A host that only keys name has no name here; its keys say which it is. */
function nameOf(settings: HostSettings, hosts: Hosts): string {
  const name = hosts.names?.find((host) => hosts.of(host) === settings);
  return name ?? `each host of the keys ${settings.keys.map(({ id }) => `"${id}"`).join(', ')}`;
}

function finding(level: Finding['level'], code: Finding['code'], message: string, fix?: string): Finding {
  return { level, code, subject: 'keys', message, ...(fix === undefined ? {} : { fix }) };
}
