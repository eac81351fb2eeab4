import type { Finding } from '../finding.js';
import type { ProsodyHost } from './configuration.js';

/** How a host of Prosody authenticates its users; `computed` if only Lua can tell. */
export type Way = 'module' | 'command' | 'other' | 'computed';

/** A finding about some hosts of Prosody. */
export interface HostFinding {
  readonly finding: Finding;
  readonly hosts: readonly ProsodyHost[];
}

const DEFAULT_PROVIDER = 'internal_hashed';

/** Tells our module and the stock one (`external`, `external_insecure`) from other providers. */
export function wayOf(host: ProsodyHost): Way {
  if (host.isComputed('authentication')) return 'computed';
  const provider = providerOf(host);
  if (provider === 'xtoken') return 'module';
  return provider.startsWith('external') ? 'command' : 'other';
}

/** Returns the name in `authentication`, as Prosody takes it. */
export function providerOf({ setting }: ProsodyHost): string {
  if (setting('anonymous_login') === 'true') return 'anonymous';
  return setting('authentication') ?? DEFAULT_PROVIDER;
}

/** Lists hosts in a message. */
export function namesOf(hosts: readonly ProsodyHost[]): string {
  return hosts.map(({ name }) => name ?? 'every host').join(', ');
}

/** Makes a finding about hosts, unless there are none. */
export function context(
  hosts: readonly ProsodyHost[],
  describe: (names: string) => Omit<Finding, 'subject'>,
): HostFinding[] {
  if (hosts.length === 0) return [];
  return [{ hosts, finding: { subject: 'prosody', ...describe(namesOf(hosts)) } }];
}
