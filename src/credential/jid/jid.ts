import { domainToASCII } from 'node:url';
import { assertString, InvalidJidError } from '../../errors.js';
import { prepare } from './stringprep.js';

/** Not allowed in a host name. U+3002 is a dot to DNS and a letter to chat servers. */
const NOT_IN_HOST_NAMES = /[\s"#%&'/:<>?@\\\u3002]/;

/**
 * Normalizes a bare JID to the form that XMPP servers send: the user by nodeprep, the domain by nameprep (RFC 6122, appendices A
 * and B), as Prosody and ejabberd do. Refuses a name that servers could take for different users, such as one with characters that
 * Unicode 3.2 lacks. Keeps the spelling of an internationalized domain, because servers treat `bücher.example` and
 * `xn--bcher-kva.example` as different domains.
 *
 * @param jid `user@domain`, in any mixture of upper and lower case
 * @throws {@link InvalidJidError} if it is not a JID, has no user, or has a resource
 * @throws {TypeError} if it is not a string
 *
 * @example
 * ```ts
 * normalizeJid('Alice@Example.COM'); // 'alice@example.com'
 * ```
 */
export function normalizeJid(jid: string): string {
  assertString('jid', jid);
  const at = jid.indexOf('@');
  if (at < 0) throw new InvalidJidError('expected a JID like user@example.com, found no "@"');
  if (jid.includes('/', at)) {
    throw new InvalidJidError('expected a bare JID like user@example.com, found a resource after "/"');
  }
  if (jid.includes('@', at + 1)) {
    const fix = String.raw`In a user name, write "@" as \40 (XEP-0106)`;
    throw new InvalidJidError(`expected one "@" in the JID, found more. ${fix}`);
  }
  return `${normalizeUser(jid.slice(0, at))}@${normalizeDomain(jid.slice(at + 1))}`;
}

/** Returns the domain of a normalized bare JID. */
export function domainOf(jid: string): string {
  return jid.slice(jid.indexOf('@') + 1);
}

/**
 * Normalizes a domain to the form that XMPP servers send.
 *
 * @throws {@link InvalidJidError} if the text is not a host name
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
 * Normalizes a user name to the form that XMPP servers send.
 *
 * @throws {@link InvalidJidError} if the text cannot be a user name
 */
export function normalizeUser(text: string): string {
  return prepare('user', text);
}
