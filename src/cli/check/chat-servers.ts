import { normalizeHost } from '../../credential/jid/prepare.js';
import { findings, type Finding } from './finding.js';
import type { ChatServer, Situation } from './situation.js';

const NAMES = { prosody: 'Prosody', ejabberd: 'ejabberd' } as const;

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
