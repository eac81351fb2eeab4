import { normalizeHost } from '../../credential/jid/prepare.js';
import { readEjabberd } from './ejabberd/configuration.js';
import type { Finding } from './finding.js';
import { readProsody } from './prosody/configuration.js';
import { wayOf } from './prosody/provider.js';
import type { Situation } from './situation.js';

/** A chat server of this machine. */
export interface ChatServer {
  readonly kind: 'prosody' | 'ejabberd';
  /** The hosts that it serves, normalised. */
  readonly hosts: readonly string[];
  /** Those for which it asks xtokend, or may do so. */
  readonly asking: readonly string[];
  /** Whether it can have more hosts, because its configuration isn't read or not as a whole. */
  readonly isPartial: boolean;
}

/** A chat server that is installed: if the command line names the configuration of one, it's about that one. */
export function isMeant(kind: ChatServer['kind'], { named }: Situation): boolean {
  return named[kind] !== undefined || (named.prosody ?? named.ejabberd) === undefined;
}

/** Whether one of some chat servers asks xtokend, or may do so, for a host (normalised), or for any. */
export function mayBeAsked(servers: readonly ChatServer[], host?: string): boolean {
  return servers.some(
    ({ asking, isPartial }) => isPartial || (host === undefined ? asking.length > 0 : asking.includes(host)),
  );
}

/** Reads which hosts the chat servers of this machine have. */
export async function findChatServers(situation: Situation): Promise<ChatServer[]> {
  const servers = [await findProsody(situation), await findEjabberd(situation)];
  return servers.filter((server) => server !== undefined);
}

async function findProsody(situation: Situation): Promise<ChatServer | undefined> {
  const prosody = readProsody(situation);
  if (prosody === undefined) return undefined;
  if ('fault' in prosody) return unread('prosody');
  const { hosts, unread: places } = prosody;
  return {
    kind: 'prosody',
    hosts: await normalized(hosts),
    asking: await normalized(hosts.filter((host) => wayOf(host) !== 'other')),
    isPartial: places.length > 0 || hosts.some(({ name }) => name === undefined),
  };
}

async function findEjabberd(situation: Situation): Promise<ChatServer | undefined> {
  const ejabberd = await readEjabberd(situation);
  if (ejabberd === undefined) return undefined;
  if ('fault' in ejabberd) return unread('ejabberd');
  const { hosts, unread: files } = ejabberd;
  return {
    kind: 'ejabberd',
    hosts: await normalized(hosts),
    asking: await normalized(hosts.filter(({ isExternal }) => isExternal)),
    isPartial: files.length > 0,
  };
}

function unread(kind: ChatServer['kind']): ChatServer {
  return { kind, hosts: [], asking: [], isPartial: true };
}

/** Finds hosts that the configuration names and no chat server of this machine has. */
export async function checkAbsentHosts(situation: Situation): Promise<Finding[]> {
  const servers = (await findChatServers(situation)).filter(({ kind }) => isMeant(kind, situation));
  // If no server asks yet, that is what there is to say.
  if (servers.some(({ isPartial }) => isPartial) || !mayBeAsked(servers)) return [];
  const { configuration } = situation;
  const present = new Set(servers.flatMap(({ hosts }) => hosts));
  return (configuration?.hosts.names ?? [])
    .filter((name) => !present.has(name))
    .map((name) => ({
      level: 'warning',
      code: 'host-unused',
      subject: 'configuration',
      message: `${configuration?.file ?? ''} serves ${name}, which is no host of ${describe(servers)} on this machine`,
      fix: 'correct the name, or add the host there; ignore this if another machine has it',
    }));
}

function describe(servers: readonly ChatServer[]): string {
  return servers.map(({ kind }) => (kind === 'prosody' ? 'Prosody' : 'ejabberd')).join(' or ');
}

async function normalized(hosts: readonly { readonly name: string | undefined }[]): Promise<string[]> {
  const names = await Promise.all(hosts.map(({ name }) => normalizeHost(name ?? '')));
  return names.filter((name) => name !== undefined);
}
