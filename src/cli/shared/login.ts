import type { Configuration, Hosts, HostSettings } from '../../config/configuration.js';
import { loadConfiguration } from '../../config/load.js';
import { domainOf, normalizeJid } from '../../credential/jid/jid.js';
import type { NamedKey } from '../../credential/key.js';
import type { ExpectedJid } from '../../credential/near-misses/jid-spellings.js';

/** A JID, and the settings of its host. */
export interface ConfiguredHost {
  /** The bare JID, normalised as the server would. */
  readonly jid: string;
  /** `undefined` if the configuration does not serve the host. */
  readonly settings: HostSettings | undefined;
  /** All hosts of the configuration. */
  readonly hosts: Hosts;
  /** Why there are no settings; only meaningful if there are none. */
  readonly refusal: string;
}

/**
 * Finds the host of a JID in the configuration.
 *
 * @param text the JID in any spelling
 * @param option the value of `--config`, if it is given
 * @throws {@link InvalidJidError}, and what `loadConfiguration` throws
 */
export async function findHost(text: string, option: string | undefined): Promise<ConfiguredHost> {
  const jid = normalizeJid(text);
  return hostOf(jid, await loadConfiguration(option, process.env));
}

/** Finds the host of a normalised JID in a configuration that is already loaded. */
export function hostOf(jid: string, { hosts, file }: Pick<Configuration, 'hosts' | 'file'>): ConfiguredHost {
  const host = domainOf(jid);
  const refusal = `${host} is not one of the hosts in ${file}: ${hosts.names?.join(', ') ?? ''}`;
  return { jid, settings: hosts.of(host), hosts, refusal };
}

/** A user who logs in, and the keys for their tokens. */
export interface Login extends ExpectedJid {
  readonly keys: readonly NamedKey[];
  /** The keys of other hosts. A token may have been signed with one of them by mistake. */
  readonly otherKeys: readonly NamedKey[];
}

/**
 * Combines a JID with the keys of its host and of all other hosts.
 *
 * @param keys the keys of the JID's host
 * @param jid already normalised
 * @param typed the JID as it was typed
 */
export function loginOf(hosts: Hosts, keys: readonly NamedKey[], jid: string, typed: string = jid): Login {
  return {
    keys,
    otherKeys: hosts.keys.filter((key) => !keys.includes(key)),
    jid,
    typed,
    otherHosts: (hosts.names ?? []).filter((host) => host !== domainOf(jid)),
  };
}
