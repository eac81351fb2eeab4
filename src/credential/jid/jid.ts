import { domainToASCII } from 'node:url';
import { InvalidJidError } from '../../errors.js';
import { prepare } from './stringprep.js';

/** Not in a host name. U+3002 is a dot to DNS and a letter to chat servers. */
const NOT_IN_HOST_NAMES = /[\s"#%&'/:<>?@\\\u3002]/;

/**
 * Brings a bare JID into the form in which XMPP servers send it: the user by nodeprep, the domain by nameprep
 * (RFC 6122, appendices A and B; what Prosody and ejabberd do). Refuses a name that servers could take for different
 * ones, as those with characters that Unicode 3.2 lacks. An internationalised domain stays in the
 * spelling it has: servers keep `bücher.example` and `xn--bcher-kva.example` apart.
 *
 * @param jid `user@domain`, in any mixture of upper and lower case
 * @returns the normalised JID
 * @throws {@link InvalidJidError} for a JID that cannot be one, or that has no user, or a resource
 *
 * @example
 * ```ts
 * normalizeJid('Alice@Example.COM'); // 'alice@example.com'
 * ```
 */
export function normalizeJid(jid: string): string {
  const at = jid.indexOf('@');
  if (at < 0) throw new InvalidJidError('expected a JID like user@example.com, found no "@"');
  if (jid.includes('/', at)) {
    throw new InvalidJidError('expected a bare JID like user@example.com, found a resource after "/"');
  }
  if (jid.includes('@', at + 1)) {
    throw new InvalidJidError(
      String.raw`expected one "@" in the JID, found more; in the name of a user, write it as \40 (XEP-0106)`,
    );
  }
  return `${normalizeUser(jid.slice(0, at))}@${normalizeDomain(jid.slice(at + 1))}`;
}

/** @returns the domain of a normalised bare JID */
export function domainOf(jid: string): string {
  return jid.slice(jid.indexOf('@') + 1);
}

/**
 * Brings a domain into the form in which XMPP servers send it.
 *
 * @throws {@link InvalidJidError} for a text that cannot be a domain
 */
export function normalizeDomain(text: string): string {
  const domain = prepare('domain', text.endsWith('.') ? text.slice(0, -1) : text);
  const isName = !NOT_IN_HOST_NAMES.test(domain) && !domain.split('.').includes('');
  if (!isName || domainToASCII(domain) === '') {
    throw new InvalidJidError('the domain of the JID (after "@") is not a host name');
  }
  return domain;
}

/**
 * Brings a user's name into the form in which XMPP servers send it.
 *
 * @throws {@link InvalidJidError} for a text that cannot be one
 */
export function normalizeUser(text: string): string {
  return prepare('user', text);
}
