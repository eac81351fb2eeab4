import { statSync } from 'node:fs';
import { normalizeHost } from '../../credential/jid/prepare.js';
import { messageOf } from '../../errors.js';
import type { EjabberdConfiguration } from './ejabberd/configuration.js';
import { findings, type Finding } from './finding.js';
import { attempt } from './machine/access.js';
import type { ProsodyConfiguration } from './prosody/configuration.js';
import type { Situation } from './situation.js';

const NAMES = { prosody: 'Prosody', ejabberd: 'ejabberd' } as const;

/** A chat server of this machine. */
export interface ChatServer {
  readonly kind: keyof typeof NAMES;
  /** The hosts that it serves, normalized. */
  readonly hosts: readonly string[];
  /** The hosts for which it asks xtokend, or may do so. */
  readonly asking: readonly string[];
  /** Whether it can have more hosts, because its configuration could not be read as a whole. */
  readonly isPartial: boolean;
}

/** The configuration of a chat server, or why it cannot be read; neither if there is no such server. */
export interface Reading<T> {
  readonly configuration?: T;
  readonly fault?: string;
}

/** @param named the file that the command line names */
export async function readServer<T>(
  named: string | undefined,
  defaultFile: string,
  read: (file: string) => T | Promise<T>,
): Promise<Reading<T>> {
  // A file in a directory that this user may not search can exist.
  const isAbsent = attempt(() => statSync(defaultFile, { throwIfNoEntry: false }) === undefined);
  if (named === undefined && isAbsent === true) return {};
  try {
    return { configuration: await read(named ?? defaultFile) };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

/** Lists the chat servers of this machine with their hosts. */
export async function findChatServers(
  prosody: Reading<ProsodyConfiguration>,
  ejabberd: Reading<EjabberdConfiguration>,
): Promise<ChatServer[]> {
  return [
    ...(await describeServer('prosody', prosody, ({ authentication }) => authentication !== 'other')),
    ...(await describeServer('ejabberd', ejabberd, ({ isExternal }) => isExternal)),
  ];
}

async function describeServer<Host extends { readonly name: string | undefined }>(
  kind: ChatServer['kind'],
  { configuration, fault }: Reading<{ hosts: readonly Host[]; unread: readonly string[] }>,
  mayAsk: (host: Host) => boolean,
): Promise<ChatServer[]> {
  if (fault !== undefined) return [{ kind, hosts: [], asking: [], isPartial: true }];
  if (configuration === undefined) return [];
  const { hosts, unread } = configuration;
  const asking = await normalized(hosts.filter(mayAsk));
  const isPartial = unread.length > 0 || hosts.some(({ name }) => name === undefined);
  return [{ kind, hosts: await normalized(hosts), asking, isPartial }];
}

async function normalized(hosts: readonly { readonly name: string | undefined }[]): Promise<string[]> {
  const names = await Promise.all(hosts.map(({ name }) => normalizeHost(name ?? '')));
  return names.filter((name) => name !== undefined);
}

/** Returns whether a chat server is to be checked: the command line names its configuration, or none at all. */
export function isSelected(kind: ChatServer['kind'], { named }: Pick<Situation, 'named'>): boolean {
  return named[kind] !== undefined || (named.prosody ?? named.ejabberd) === undefined;
}

/** Returns whether another chat server of this machine asks xtokend, or may do so, for a host (normalized), or for any host. */
export function isAskedElsewhere(
  kind: ChatServer['kind'],
  { chatServers }: Situation,
  host?: string,
): boolean {
  return chatServers.some((server) => server.kind !== kind && mayAsk(server, host));
}

function mayAsk({ asking, isPartial }: ChatServer, host?: string): boolean {
  return isPartial || (host === undefined ? asking.length > 0 : asking.includes(host));
}

/** Reports that the configuration of a chat server cannot be read. */
export function unreadable(kind: ChatServer['kind'], fault: string, { named }: Situation): Finding {
  const create = findings(kind)[named[kind] === undefined ? 'note' : 'warning'];
  return create(`${kind}-unreadable`, fault, `run this as root, or name another file: --${kind} FILE`);
}

/** Reports that no host asks xtokend: a problem if the server is meant to ask it. */
export function notConfigured(
  kind: ChatServer['kind'],
  file: string,
  isIntended: boolean,
  fix: string,
  { named }: Situation,
): Finding {
  const create = findings(kind)[named[kind] !== undefined || isIntended ? 'problem' : 'warning'];
  return create(`${kind}-not-configured`, `no host in ${file} asks xtokend`, fix);
}

/**
 * Reports a host for which a chat server asks xtokend, but which xtokend does not serve. Without a valid configuration there is no
 * finding, as that is reported elsewhere.
 *
 * @param server the name of the server, or its configuration file
 * @param name the host in any spelling
 */
export async function checkServed(
  kind: ChatServer['kind'],
  server: string,
  name: string,
  { configuration }: Situation,
): Promise<Finding[]> {
  const host = await normalizeHost(name);
  if (configuration === undefined || (host !== undefined && configuration.hosts.of(host) !== undefined))
    return [];
  const message = `${server} asks xtokend for ${name}, but xtokend does not serve it: nobody can log in there`;
  const fix = `add [hosts."${name}"] to ${configuration.file}`;
  return [findings(kind).problem(`${kind}-host-not-served`, message, fix)];
}

/**
 * Reports a host for which a chat server does not ask xtokend: a problem if the configuration of xtokend names it, and no other server
 * asks for it.
 *
 * @param state how the host authenticates its users
 */
export async function describeOther(
  kind: ChatServer['kind'],
  name: string,
  state: string,
  fix: string,
  situation: Situation,
): Promise<Finding> {
  const code = kind === 'prosody' ? 'prosody-other-provider' : 'ejabberd-other-method';
  const message = `${NAMES[kind]} does not ask xtokend for ${name}: there, ${state}`;
  const host = await normalizeHost(name);
  const isNamed = host !== undefined && situation.configuration?.hosts.names?.includes(host) === true;
  if (!isNamed || isAskedElsewhere(kind, situation, host)) return findings(kind).note(code, message);
  return findings(kind).problem(code, `${message}, but ${situation.file} serves that host by name`, fix);
}

/** Finds hosts that the configuration names and no chat server of this machine has. */
export function checkUnusedHosts(situation: Situation): Finding[] {
  const { configuration, chatServers } = situation;
  const servers = chatServers.filter(({ kind }) => isSelected(kind, situation));
  // If no server asks yet, another finding reports that.
  const isKnown = !servers.some(({ isPartial }) => isPartial) && servers.some((server) => mayAsk(server));
  if (configuration === undefined || !isKnown) return [];
  const present = new Set(servers.flatMap(({ hosts }) => hosts));
  const names = servers.map(({ kind }) => NAMES[kind]).join(' or ');
  const fix = 'correct the name, or add the host there; ignore this if another machine has it';
  return (configuration.hosts.names ?? [])
    .filter((host) => !present.has(host))
    .map((host) => `${configuration.file} serves ${host}, which is not a host of ${names} on this machine`)
    .map((message) => findings('configuration').warning('host-unused', message, fix));
}
