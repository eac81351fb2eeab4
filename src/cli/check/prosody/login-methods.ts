import { findings } from '../finding.js';
import type { ProsodyConfiguration, ProsodyHost } from './configuration.js';
import { forHosts, namesOf, type HostFinding } from './host-finding.js';
import { COMPUTED } from './lua.js';

const { note, warning, problem } = findings('prosody');

/** The modules for clients in browsers, and the setting with which each trusts a proxy to do TLS. */
const WEB = [
  { module: 'bosh', setting: 'consider_bosh_secure', transport: 'BOSH' },
  { module: 'websocket', setting: 'consider_websocket_secure', transport: 'WebSocket' },
] as const;

/** Checks whether Prosody offers clients a way to send a token, and only over TLS. */
export function checkLoginMethods(
  prosody: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
): HostFinding[] {
  return [
    ...checkSaslauth(hosts),
    ...checkMechanisms(hosts),
    ...checkUnencrypted(hosts),
    ...WEB.flatMap((web) => checkWeb(prosody, hosts, web)),
  ];
}

function checkSaslauth(hosts: readonly ProsodyHost[]): HostFinding[] {
  const without = hosts.filter(({ hasModule }) => hasModule('saslauth') === false);
  const none = without.filter(({ hasModule }) => hasModule('sasl2') !== true);
  const other = without.filter((host) => !none.includes(host));
  const message = `Prosody does not load saslauth for ${namesOf(none)}, so no client can log in there`;
  const fix = 'add "saslauth" to modules_enabled, and remove it from modules_disabled';
  const otherMessage = `Prosody loads sasl2 without saslauth for ${namesOf(other)}: clients that do not know SASL2 cannot log in`;
  return [
    ...forHosts(none, problem('prosody-saslauth', message, fix)),
    ...forHosts(other, warning('prosody-saslauth', otherMessage, 'add "saslauth" to modules_enabled')),
  ];
}

/** The stock module only offers PLAIN. Ours offers X-TOKEN as well, which few clients know. */
function checkMechanisms(hosts: readonly ProsodyHost[]): HostFinding[] {
  const isOff = (host: ProsodyHost, mechanism: string): boolean =>
    textsOf(host, 'disable_sasl_mechanisms').includes(mechanism);
  const plainOff = hosts.filter((host) => isOff(host, 'PLAIN'));
  const none = plainOff.filter((host) => host.authentication === 'external' || isOff(host, 'X-TOKEN'));
  const other = plainOff.filter((host) => !none.includes(host));
  const reason = 'disable_sasl_mechanisms holds PLAIN, with which clients send tokens';
  const message = `${reason}: nobody can log in at ${namesOf(none)}`;
  const otherMessage = `${reason}: at ${namesOf(other)} only clients that know X-TOKEN can log in`;
  const fix = 'remove "PLAIN" from disable_sasl_mechanisms';
  return [
    ...forHosts(none, problem('prosody-plain-off', message, fix)),
    ...forHosts(other, warning('prosody-plain-off', otherMessage, fix)),
  ];
}

function checkUnencrypted(hosts: readonly ProsodyHost[]): HostFinding[] {
  const open = hosts.filter(allowsUnencrypted);
  const message = `allow_unencrypted_plain_auth = true for ${namesOf(open)}: clients may send tokens without TLS, and an attacker who reads one can use it first`;
  const fix =
    'remove allow_unencrypted_plain_auth; behind a proxy that does TLS, set consider_websocket_secure and consider_bosh_secure instead';
  return forHosts(open, warning('prosody-unencrypted', message, fix));
}

function checkWeb(
  { global }: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
  { module, setting, transport }: (typeof WEB)[number],
): HostFinding[] {
  if (global(setting) === 'true' || global(setting) === COMPUTED) return [];
  const concerned = hosts.filter((host) => host.hasModule(module) === true && !allowsUnencrypted(host));
  const misplaced = concerned.filter(({ own }) => own(setting) === 'true');
  const others = concerned.filter((host) => !misplaced.includes(host));
  const hasNoHttps = [global('https_ports')].flat().length === 0;
  const misplacedMessage = `${setting} is set below a host (${namesOf(misplaced)}), where Prosody ignores it: behind a proxy that does TLS, clients over ${transport} get no way to log in`;
  const move = `move ${setting} = true above the first VirtualHost`;
  const message = `${transport} without HTTPS${hasNoHttps ? ', and https_ports is empty' : ''}: behind a proxy that does TLS, clients of ${namesOf(others)} get no way to log in unless the proxy sends X-Forwarded-Proto`;
  const fix = `${setting} = true above the first VirtualHost, if only the proxy can reach Prosody's HTTP port`;
  return [
    ...forHosts(misplaced, warning('prosody-web', misplacedMessage, move)),
    ...forHosts(others, (hasNoHttps ? warning : note)('prosody-web', message, fix)),
  ];
}

/** Decides as our module and saslauth do. */
function allowsUnencrypted({ setting }: ProsodyHost): boolean {
  return setting('allow_unencrypted_plain_auth') === 'true';
}

function textsOf({ value }: ProsodyHost, name: string): readonly string[] {
  const texts = value(name);
  return texts === undefined || texts === COMPUTED ? [] : [texts].flat();
}
