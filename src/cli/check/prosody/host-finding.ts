import type { Finding } from '../finding.js';
import type { ProsodyHost } from './configuration.js';

/** A finding, and the hosts of Prosody to which it applies. */
export interface HostFinding {
  readonly finding: Finding;
  readonly hosts: readonly ProsodyHost[];
}

/** Lists hosts in a message. */
export function namesOf(hosts: readonly ProsodyHost[]): string {
  return hosts.map(({ name }) => name ?? 'every host').join(', ');
}

/** Returns a finding for some hosts; none if there are no hosts. */
export function forHosts(hosts: readonly ProsodyHost[], finding: Finding): HostFinding[] {
  return hosts.length === 0 ? [] : [{ hosts, finding }];
}
