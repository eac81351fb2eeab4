import { loadConfiguration } from '../config/load.js';
import { domainOf, normalizeJid } from '../credential/jid.js';
import type { CredentialKey } from '../credential/key.js';

/** A JID, with the key of its host. */
export interface ConfiguredKey {
  /** The bare JID, normalised as the server would. */
  readonly jid: string;
  /** `undefined` where the configuration does not serve the host. */
  readonly key: CredentialKey | undefined;
  /** Why there is no key. */
  readonly refusal: string;
}

/**
 * Finds the key for a JID in the configuration.
 *
 * @param text the JID in any spelling
 * @param option the value of `--config`, where it is given
 * @throws {@link InvalidJidError}, and what `loadConfiguration` throws
 */
export async function findKey(text: string, option: string | undefined): Promise<ConfiguredKey> {
  const jid = normalizeJid(text);
  const { keys, file } = await loadConfiguration(option, process.env);
  const host = domainOf(jid);
  const refusal = `${host} is not one of the hosts in ${file}: ${keys.hosts?.join(', ') ?? ''}`;
  return { jid, key: keys.keyOf(host), refusal };
}
