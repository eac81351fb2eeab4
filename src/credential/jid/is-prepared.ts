import { preparePlainDomain, preparePlainUser } from './plain-name.js';

/**
 * Whether a user and a host are spelled as a server sends them. Lists of users and hosts are compared as text, so whoever
 * could log in as `Bob` or as `ᵇob` would not be found there. Prosody also prepares the name once more after the login:
 * a name that this would change would become somebody else's.
 */
export async function isPrepared(user: string, host: string): Promise<boolean> {
  if (preparePlainUser(user) === user && preparePlainDomain(host) === host) return true;
  // The tables of stringprep are loaded only if they are needed.
  const { normalizeDomain, normalizeUser } = await import('./jid.js');
  try {
    return normalizeUser(user) === user && normalizeDomain(host) === host;
  } catch {
    return false;
  }
}
