import { normalizeHost } from '../../../credential/jid/prepare.js';
import { lacksHost } from '../../configured-host.js';
import type { ProsodyConfiguration, ProsodyHost } from './configuration.js';
import { context, providerOf, type HostFinding } from './provider.js';
import type { Situation } from '../situation.js';

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

/** Finds hosts that ask xtokend and aren't served by it. */
export async function checkUnservedHosts(
  { file }: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
  { configuration }: Situation,
): Promise<HostFinding[]> {
  const named = hosts.filter(({ name }) => name !== undefined);
  const isUnserved = await Promise.all(named.map(({ name }) => lacksHost(configuration, name ?? '')));
  return named
    .filter((_, index) => isUnserved[index])
    .flatMap((host) =>
      context([host], (name) => ({
        level: 'problem',
        code: 'prosody-host-not-served',
        message: `${file} asks xtokend for ${name}, but xtokend does not serve it: nobody gets in there`,
        fix: `add [hosts."${name}"] to ${configuration?.file ?? ''}`,
      })),
    );
}

/**
 * Reports hosts that ask another provider: a problem if the configuration of xtokend names the host.
 *
 * @param isAskedElsewhere whether another chat server on this machine asks xtokend for a host
 */
export async function checkOtherHosts(
  hosts: readonly ProsodyHost[],
  { configuration }: Situation,
  isAskedElsewhere: (host: string) => boolean,
): Promise<HostFinding[]> {
  const all = hosts.map(async (host) => {
    const key = await normalizeHost(host.name ?? '');
    const isNamed = key !== undefined && configuration?.hosts.names?.includes(key) === true;
    return context([host], (name) => {
      const message = `Prosody does not ask xtokend for ${name}: there, authentication is "${providerOf(host)}"`;
      if (!isNamed || isAskedElsewhere(key))
        return { level: 'note', code: 'prosody-other-provider', message };
      const contradiction = `${message}, but ${configuration.file} serves that host by name`;
      const fix = `authentication = "xtoken" below VirtualHost "${name}"`;
      return { level: 'problem', code: 'prosody-other-provider', message: contradiction, fix };
    });
  });
  return (await Promise.all(all)).flat();
}

/** Names the settings, and the places, that only Lua can tell. */
export function checkComputed(
  { file, unread }: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
): HostFinding[] {
  const ofHosts = DECISIVE.flatMap((setting) =>
    context(
      hosts.filter(({ isComputed }) => isComputed(setting)),
      (names) => ({
        level: 'note',
        code: 'prosody-computed',
        message: `${setting} of ${names} is computed in Lua, which is not run here: what depends on it is unknown`,
        fix: `write the value itself into ${file}`,
      }),
    ),
  );
  if (unread.length === 0) return ofHosts;
  const finding = {
    level: 'note',
    code: 'prosody-computed',
    subject: 'prosody',
    message: `Lua that is not run here can define hosts and settings: ${unread.join(', ')}`,
    fix: '`prosodyctl shell host list` names the hosts that Prosody has',
  } as const;
  return [...ofHosts, { hosts: [], finding }];
}

/** Reports hosts that Prosody doesn't activate. */
export function checkActivation({ file, hosts, disabledHosts, unread }: ProsodyConfiguration): HostFinding[] {
  const disabled: HostFinding[] = disabledHosts.map((name) => ({
    hosts: [],
    finding: {
      level: 'note',
      code: 'prosody-disabled',
      subject: 'prosody',
      message: `Prosody does not serve ${name}, which has enabled = false`,
    },
  }));
  const isEmpty = unread.length === 0 && hosts.every(({ name }) => name === undefined);
  return [...disabled, ...context(isEmpty ? hosts : [], () => noHost(file))];
}

function noHost(file: string): ReturnType<Parameters<typeof context>[1]> {
  return {
    level: 'warning',
    code: 'prosody-no-host',
    message: `${file} has no VirtualHost, so Prosody serves nobody`,
    fix: 'VirtualHost "example.com", with your domain',
  };
}
