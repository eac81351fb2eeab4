import type { Hosts } from '../config/configuration.js';
import { domainOf } from '../credential/jid/jid.js';
import type { NamedKey } from '../credential/key.js';
import type { ExpectedJid } from '../credential/near-misses/jid-spellings.js';

/** Who logs in, and which keys a token for them can be made with. */
export interface Login extends ExpectedJid {
  readonly keys: readonly NamedKey[];
  /** The keys of other hosts, with which it may have been made by mistake. */
  readonly otherKeys: readonly NamedKey[];
}

/**
 * @param keys of the host of the JID
 * @param jid already normalised
 * @param typed the JID in the spelling that it was given in
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
