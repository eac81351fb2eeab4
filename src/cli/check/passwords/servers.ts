import { availableParallelism } from 'node:os';
import { normalizeHost } from '../../../credential/jid/prepare.js';
import type { PasswordSettings } from '../../../passwords/settings.js';
import { chooseStore } from '../../../replay/registry.js';
import type { ProtocolName } from '../../../protocol/protocol.js';
import { documentPath } from '../../shared/package-directory.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';

const { note } = findings('passwords');

/** A host of a chat server for which xtokend checks passwords. */
interface AskingHost {
  readonly name: string;
  readonly passwords: PasswordSettings;
  /** How many processes of xtokend ejabberd starts for it; 1 if it uses a socket. */
  readonly processes: number;
}

const useModule = (): string =>
  `set authentication = "xtoken", with mod_auth_xtoken, as in ${documentPath('prosody.md')}`;

/** Reports what the chat servers of this machine mean for passwords, by the protocol with which they ask xtokend. */
export async function checkPasswordServers(situation: Situation): Promise<Finding[]> {
  const { prosody, ejabberd } = situation;
  const stock = (prosody.configuration?.hosts ?? []).filter(
    ({ authentication }) => authentication === 'external',
  );
  const external = (ejabberd.configuration?.hosts ?? []).filter(({ isExternal }) => isExternal);
  const onTerminal = await withPasswords(
    stock.map(({ name = '' }) => ({ name, processes: 1 })),
    situation,
  );
  const ofEjabberd = await withPasswords(
    external.map(({ name, setting, socket }) => ({
      name,
      processes: socket === undefined ? sizeOf(setting('extauth_pool_size')) : 1,
    })),
    situation,
  );
  return [
    ...checkTerminal(onTerminal),
    ...checkAddresses("Prosody's stock module", onTerminal, useModule()),
    ...checkAddresses('ejabberd', ofEjabberd),
    ...checkPool(ofEjabberd, situation),
  ];
}

/** Reports a socket on which servers send no client addresses. */
export function checkSocketProtocol(
  path: string,
  protocol: ProtocolName,
  { configuration }: Situation,
): Finding[] {
  const [table] = configuration?.hosts.passwords ?? [];
  if (protocol === 'native' || table === undefined) return [];
  return [withoutAddress(`the ${protocol} protocol of ${path}`, table)];
}

async function withPasswords(
  hosts: readonly Omit<AskingHost, 'passwords'>[],
  { configuration }: Situation,
): Promise<AskingHost[]> {
  const found = await Promise.all(
    hosts.map(async (host) => {
      const name = await normalizeHost(host.name);
      const passwords = name === undefined ? undefined : configuration?.hosts.of(name)?.passwords;
      return passwords === undefined ? [] : [{ ...host, passwords }];
    }),
  );
  return found.flat();
}

function sizeOf(setting: unknown): number {
  return typeof setting === 'number' ? setting : availableParallelism();
}

/** On the terminal, Prosody does nothing else while it waits. */
function checkTerminal(hosts: readonly AskingHost[]): Finding[] {
  const slow = hosts.filter(({ passwords: { backends } }) =>
    backends.some(({ kind }) => kind !== 'app-passwords'),
  );
  if (slow.length === 0) return [];
  const seconds = Math.max(...slow.map(({ passwords: { timeout } }) => timeout)) / 1000;
  const message = `Prosody's stock module stops all of Prosody while it waits for an answer: up to ${seconds} s for each password at ${namesOf(slow)}`;
  return [note('passwords-terminal', message, useModule())];
}

function checkAddresses(server: string, hosts: readonly AskingHost[], fix?: string): Finding[] {
  const [first] = hosts;
  if (first === undefined) return [];
  return [withoutAddress(`${server}, which asks for ${namesOf(hosts)},`, first.passwords, fix)];
}

function withoutAddress(sender: string, { limits }: PasswordSettings, fix?: string): Finding {
  const message = `${sender} has no client addresses: of [passwords.limits], only user = ${limits.user} applies, so anybody who guesses passwords of a user can block that user's password logins (a token still works)`;
  return note('passwords-no-address', message, fix);
}

function checkPool(hosts: readonly AskingHost[], { configuration }: Situation): Finding[] {
  const several = hosts.filter(({ processes }) => processes > 1);
  const [first] = several;
  if (configuration === undefined || first === undefined) return [];
  if (chooseStore(configuration.replay).kind === 'redis') return [];
  const { processes } = first;
  const message = `ejabberd starts ${processes} processes for each host, and each counts wrong passwords for itself: an attacker has up to ${processes} times as many attempts at ${namesOf(several)}`;
  const fix = 'set [replay] store = "redis", or extauth_pool_size: 1, or lower [passwords.limits]';
  return [note('passwords-pool', message, fix)];
}

function namesOf(hosts: readonly AskingHost[]): string {
  return hosts.map(({ name }) => name).join(', ');
}
