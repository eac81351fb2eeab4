import { normalizeHost } from '../../config/host-name.js';
import { readEjabberd } from './ejabberd-configuration.js';
import type { Finding } from './finding.js';
import { readProsody } from './prosody-configuration.js';
import { wayOf } from './prosody-way.js';
import type { Situation } from './situation.js';

/** A chat server of this machine whose configuration can be read. */
export interface ChatServer {
  readonly kind: 'prosody' | 'ejabberd';
  /** The hosts that it serves, normalised. */
  readonly hosts: readonly string[];
  /** Those for which it asks xtokend. */
  readonly asking: readonly string[];
  /** Whether more hosts can be defined in places that aren't read. */
  readonly isPartial: boolean;
}

/** A chat server that is installed: if the command line names the configuration of one, it's about that one. */
export function isMeant(kind: ChatServer['kind'], { named }: Situation): boolean {
  return named[kind] !== undefined || (named.prosody ?? named.ejabberd) === undefined;
}

/** Reads which hosts the chat servers of this machine have. */
export async function findChatServers(situation: Situation): Promise<ChatServer[]> {
  const prosody = readProsody(situation);
  const ejabberd = await readEjabberd(situation);
  const servers: ChatServer[] = [];
  if (prosody !== undefined && !('fault' in prosody)) {
    const { hosts, unread } = prosody;
    const asking = hosts.filter((host) => ['module', 'command'].includes(wayOf(host)));
    servers.push({
      kind: 'prosody',
      hosts: await normalized(hosts),
      asking: await normalized(asking),
      isPartial: unread.length > 0 || hosts.some(({ name }) => name === undefined),
    });
  }
  if (ejabberd !== undefined && !('fault' in ejabberd)) {
    const { hosts, unread } = ejabberd;
    const asking = hosts.filter(({ isExternal }) => isExternal);
    servers.push({
      kind: 'ejabberd',
      hosts: await normalized(hosts),
      asking: await normalized(asking),
      isPartial: unread.length > 0,
    });
  }
  return servers;
}

/** Finds hosts that the configuration names and no chat server of this machine has. */
export async function checkAbsentHosts(situation: Situation): Promise<Finding[]> {
  const servers = (await findChatServers(situation)).filter(({ kind }) => isMeant(kind, situation));
  // If no server asks yet, that is what there is to say.
  if (servers.every(({ asking }) => asking.length === 0) || servers.some(({ isPartial }) => isPartial))
    return [];
  const { configuration } = situation;
  const present = new Set(servers.flatMap(({ hosts }) => hosts));
  return (configuration?.hosts.names ?? [])
    .filter((name) => !present.has(name))
    .map((name) => ({
      level: 'warning',
      code: 'host-absent',
      subject: 'configuration',
      message: `${configuration?.file ?? ''} serves ${name}, which is no host of ${describe(servers)} on this machine`,
      cure: 'correct the name, or add the host there; ignore this if another machine has it',
    }));
}

function describe(servers: readonly ChatServer[]): string {
  return servers.map(({ kind }) => (kind === 'prosody' ? 'Prosody' : 'ejabberd')).join(' or ');
}

async function normalized(hosts: readonly { readonly name: string | undefined }[]): Promise<string[]> {
  const names = await Promise.all(hosts.map(({ name }) => normalizeHost(name ?? '')));
  return names.filter((name) => name !== undefined);
}
