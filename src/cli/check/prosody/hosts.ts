import { lacksHost } from '../../shared/configured-host.js';
import { isNamedInVain } from '../chat-servers.js';
import { findings } from '../finding.js';
import type { Situation } from '../situation.js';
import type { ProsodyConfiguration, ProsodyHost } from './configuration.js';
import { forHosts, namesOf, type HostFinding } from './host-finding.js';

const { note, warning, problem } = findings('prosody');

/** Settings that decide whether and how a host asks xtokend. */
const DECISIVE = [
  'authentication',
  'anonymous_login',
  'enabled',
  'external_auth_command',
  'external_auth_protocol',
  'modules_enabled',
  'modules_disabled',
  'disable_sasl_mechanisms',
];

/** Finds hosts that ask xtokend, but that it does not serve. */
export async function checkUnservedHosts(
  { file }: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
  { configuration }: Situation,
): Promise<HostFinding[]> {
  const all = hosts.map(async (host) => {
    const { name } = host;
    if (name === undefined || !(await lacksHost(configuration, name))) return [];
    const message = `${file} asks xtokend for ${name}, but xtokend does not serve it: nobody can log in there`;
    const fix = `add [hosts."${name}"] to ${configuration?.file ?? ''}`;
    return forHosts([host], problem('prosody-host-not-served', message, fix));
  });
  return (await Promise.all(all)).flat();
}

/** Reports hosts with another provider: a problem if the configuration of xtokend names the host, and no other server asks for it. */
export async function checkOtherHosts(
  hosts: readonly ProsodyHost[],
  situation: Situation,
): Promise<HostFinding[]> {
  const all = hosts.map(async (host) => {
    const name = host.name ?? '';
    const message = `Prosody does not ask xtokend for ${name}: there, authentication is "${host.provider}"`;
    if (!(await isNamedInVain('prosody', name, situation)))
      return forHosts([host], note('prosody-other-provider', message));
    const contradiction = `${message}, but ${situation.file} serves that host by name`;
    const fix = `authentication = "xtoken" below VirtualHost "${name}"`;
    return forHosts([host], problem('prosody-other-provider', contradiction, fix));
  });
  return (await Promise.all(all)).flat();
}

/** Reports the settings, and the places, that only Lua can evaluate. */
export function checkComputed({ file, hosts, unread }: ProsodyConfiguration): HostFinding[] {
  const ofHosts = DECISIVE.flatMap((setting) => {
    const computed = hosts.filter(({ isComputed }) => isComputed(setting));
    const message = `Lua code computes ${setting} of ${namesOf(computed)}, and is not run here: its effect is unknown`;
    return forHosts(computed, note('prosody-computed', message, `write the value itself into ${file}`));
  });
  if (unread.length === 0) return ofHosts;
  const message = `Lua code that is not run here can define hosts and settings: ${unread.join(', ')}`;
  const fix = '`prosodyctl shell host list` shows the hosts of Prosody';
  return [...ofHosts, { hosts: [], finding: note('prosody-computed', message, fix) }];
}

/** Reports hosts that Prosody does not activate. */
export function checkActivation({ file, hosts, disabledHosts, unread }: ProsodyConfiguration): HostFinding[] {
  const disabled = disabledHosts.map((name) =>
    note('prosody-disabled', `Prosody does not serve ${name}, which has enabled = false`),
  );
  const isEmpty = unread.length === 0 && hosts.every(({ name }) => name === undefined);
  const message = `${file} has no VirtualHost, so nobody can log in`;
  const noHost = warning('prosody-no-host', message, 'VirtualHost "example.com", with your domain');
  return [...disabled.map((finding) => ({ finding, hosts: [] })), ...forHosts(isEmpty ? hosts : [], noHost)];
}
