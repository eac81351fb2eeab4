import { checkServed, describeOther } from '../chat-servers.js';
import { findings } from '../finding.js';
import type { Situation } from '../situation.js';
import type { ProsodyConfiguration, ProsodyHost } from './configuration.js';
import { forHosts, namesOf, type HostFinding } from './host-finding.js';

const { note, warning } = findings('prosody');

/** Settings that decide whether and how a host asks xtokend. */
const DECISIVE = [
  'authentication',
  'anonymous_login',
  'enabled',
  'xtoken_socket',
  'xtoken_command',
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
  situation: Situation,
): Promise<HostFinding[]> {
  const all = hosts.map(async (host) => {
    if (host.name === undefined) return [];
    const found = await checkServed('prosody', file, host.name, situation);
    return found.flatMap((finding) => forHosts([host], finding));
  });
  return (await Promise.all(all)).flat();
}

/** Reports hosts with another provider. */
export async function checkOtherHosts(
  hosts: readonly ProsodyHost[],
  situation: Situation,
): Promise<HostFinding[]> {
  const all = hosts.map(async (host) => {
    const { name = '', provider } = host;
    const fix = `authentication = "xtoken" below VirtualHost "${name}"`;
    const state = `authentication is "${provider}"`;
    return { hosts: [host], finding: await describeOther('prosody', name, state, fix, situation) };
  });
  return Promise.all(all);
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
