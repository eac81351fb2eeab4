import type { ProsodyConfiguration, ProsodyHost } from './configuration.js';
import { COMPUTED } from './lua-value.js';
import { context, wayOf, type HostFinding } from './provider.js';

/** The modules for clients in browsers, and the setting by which each trusts a proxy to have done TLS. */
const WEB = [
  { module: 'bosh', setting: 'consider_bosh_secure', transport: 'BOSH' },
  { module: 'websocket', setting: 'consider_websocket_secure', transport: 'WebSocket' },
] as const;

/** Looks at whether clients are offered a way to send a token, and only over TLS. */
export function checkProsodyAccess(
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
  const hasOther = ({ hasModule }: ProsodyHost): boolean => hasModule('sasl2') === true;
  return [
    ...context(
      without.filter((host) => !hasOther(host)),
      (names) => ({
        level: 'problem',
        code: 'prosody-saslauth',
        message: `Prosody does not load saslauth for ${names}, so no client can log in there`,
        fix: 'add "saslauth" to modules_enabled, and remove it from modules_disabled',
      }),
    ),
    ...context(without.filter(hasOther), (names) => ({
      level: 'warning',
      code: 'prosody-saslauth',
      message: `Prosody loads sasl2 without saslauth for ${names}: clients that do not know SASL2 cannot log in`,
      fix: 'add "saslauth" to modules_enabled',
    })),
  ];
}

/** The stock module offers PLAIN only, ours X-TOKEN as well, which few clients know. */
function checkMechanisms(hosts: readonly ProsodyHost[]): HostFinding[] {
  const isOff = (host: ProsodyHost, mechanism: string): boolean =>
    textsOf(host, 'disable_sasl_mechanisms').includes(mechanism);
  const hasNone = (host: ProsodyHost): boolean => wayOf(host) === 'command' || isOff(host, 'X-TOKEN');
  const plainOff = hosts.filter((host) => isOff(host, 'PLAIN'));
  const fix = 'remove "PLAIN" from disable_sasl_mechanisms';
  return [
    ...context(plainOff.filter(hasNone), (names) => ({
      level: 'problem',
      code: 'prosody-plain-off',
      message: `disable_sasl_mechanisms holds PLAIN, by which clients send tokens: nobody gets in at ${names}`,
      fix,
    })),
    ...context(
      plainOff.filter((host) => !hasNone(host)),
      (names) => ({
        level: 'warning',
        code: 'prosody-plain-off',
        message: `disable_sasl_mechanisms holds PLAIN: at ${names} only clients that know X-TOKEN get in`,
        fix,
      }),
    ),
  ];
}

function checkUnencrypted(hosts: readonly ProsodyHost[]): HostFinding[] {
  return context(hosts.filter(allowsUnencrypted), (names) => ({
    level: 'warning',
    code: 'prosody-unencrypted',
    message: `allow_unencrypted_plain_auth = true for ${names}: tokens may be sent without TLS, and whoever reads one can use it first`,
    fix: 'remove allow_unencrypted_plain_auth; behind a proxy that does TLS, set consider_websocket_secure and consider_bosh_secure instead',
  }));
}

function checkWeb(
  { global }: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
  { module, setting, transport }: (typeof WEB)[number],
): HostFinding[] {
  const isTrusted = global(setting) === 'true' || global(setting) === COMPUTED;
  const concerned = hosts.filter(
    (host) => host.hasModule(module) === true && !isTrusted && !allowsUnencrypted(host),
  );
  const misplaced = concerned.filter(({ own }) => own(setting) === 'true');
  const httpsPorts = global('https_ports');
  const hasNoHttps = Array.isArray(httpsPorts) && httpsPorts.length === 0;
  return [
    ...context(misplaced, (names) => ({
      level: 'warning',
      code: 'prosody-web',
      message: `${setting} stands below a host (${names}), where it counts for nothing: behind a proxy that does TLS, clients over ${transport} are offered no way to log in`,
      fix: `move ${setting} = true above the first VirtualHost`,
    })),
    ...context(
      concerned.filter((host) => !misplaced.includes(host)),
      (names) => ({
        level: hasNoHttps ? 'warning' : 'note',
        code: 'prosody-web',
        message: `${transport} without HTTPS${hasNoHttps ? ', and https_ports is empty' : ''}: behind a proxy that does TLS, clients of ${names} are offered no way to log in unless the proxy sends X-Forwarded-Proto`,
        fix: `${setting} = true above the first VirtualHost, if only the proxy can reach Prosody's HTTP port`,
      }),
    ),
  ];
}

/** As our module and saslauth do. */
function allowsUnencrypted({ setting }: ProsodyHost): boolean {
  return setting('allow_unencrypted_plain_auth') === 'true';
}

function textsOf({ value }: ProsodyHost, name: string): readonly string[] {
  const texts = value(name);
  return texts === undefined || texts === COMPUTED ? [] : [texts].flat();
}
