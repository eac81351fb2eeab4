import type { Hosts, HostSettings } from '../../config/configuration.js';
import { loadConfiguration } from '../../config/load.js';
import { domainOf, normalizeJid } from '../../credential/jid/jid.js';

/** A JID, and the settings of its host. */
export interface ConfiguredHost {
  /** The bare JID, normalised as the server would. */
  readonly jid: string;
  /** `undefined` if the configuration does not serve the host. */
  readonly settings: HostSettings | undefined;
  /** All hosts of the configuration. */
  readonly hosts: Hosts;
  /** Why there are no settings. */
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
  const { hosts, file } = await loadConfiguration(option, process.env);
  const host = domainOf(jid);
  const refusal = `${host} is not one of the hosts in ${file}: ${hosts.names?.join(', ') ?? ''}`;
  return { jid, settings: hosts.of(host), hosts, refusal };
}
