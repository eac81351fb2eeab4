const PLAIN_DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/;

/** @returns the host as servers send it, or `undefined` for what cannot be one */
export async function normalizeHost(name: string): Promise<string | undefined> {
  const lowerCase = name.toLowerCase();
  if (PLAIN_DOMAIN.test(lowerCase)) return lowerCase;
  // The tables of string preparation are loaded only where they are needed.
  const { normalizeDomain } = await import('../credential/jid.js');
  try {
    return normalizeDomain(name);
  } catch {
    return undefined;
  }
}
