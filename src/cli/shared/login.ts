import type { Hosts } from '../../config/configuration.js';
import { domainOf } from '../../credential/jid/jid.js';
import type { NamedKey } from '../../credential/key.js';
import type { ExpectedJid } from '../../credential/near-misses/jid-spellings.js';

/** A user who logs in, and the keys for their tokens. */
export interface Login extends ExpectedJid {
  readonly keys: readonly NamedKey[];
  /** The keys of other hosts, with which a token may have been made by mistake. */
  readonly otherKeys: readonly NamedKey[];
}

/**
 * Collects what is known of a login.
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
