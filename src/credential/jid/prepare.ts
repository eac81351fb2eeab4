/** ASCII that nodeprep only converts to lower case (RFC 6122, appendix A.5), of a valid length. */
const PLAIN_USER = /^[!#-%(-.0-9;=?A-Z[-~]{1,1023}$/;
/** The same for nameprep and the labels of a host name. */
const PLAIN_DOMAIN = /^(?=.{1,1023}$)[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*$/;

/** Returns the user as servers send it, or `undefined` if that needs the tables of stringprep. */
export function preparePlainUser(text: string): string | undefined {
  return PLAIN_USER.test(text) ? text.toLowerCase() : undefined;
}

/** Returns the domain as servers send it, or `undefined` if that needs the tables of stringprep. */
export function preparePlainDomain(text: string): string | undefined {
  return PLAIN_DOMAIN.test(text) ? text.toLowerCase() : undefined;
}

/**
 * Returns whether a user and a host are spelled as a server sends them. Lists of users and hosts are compared as text, so `Bob` or
 * `ᵇob` would not be found there. Prosody prepares the name again after the login, so an unprepared name would become another
 * user's.
 */
export async function isPrepared(user: string, host: string): Promise<boolean> {
  if (preparePlainUser(user) === user && preparePlainDomain(host) === host) return true;
  // Load the tables of stringprep only if they are needed: nearly all names are ASCII.
  const { normalizeDomain, normalizeUser } = await import('./jid.js');
  try {
    return normalizeUser(user) === user && normalizeDomain(host) === host;
  } catch {
    return false;
  }
}

/** Returns a host as servers send it, or `undefined` if it is not a host name. */
export async function normalizeHost(name: string): Promise<string | undefined> {
  const plain = preparePlainDomain(name);
  if (plain !== undefined) return plain;
  const { normalizeDomain } = await import('./jid.js');
  try {
    return normalizeDomain(name);
  } catch {
    return undefined;
  }
}
