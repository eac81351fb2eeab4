import { preparePlainDomain } from '../credential/jid/plain-name.js';

/** @returns the host as servers send it, or `undefined` for what cannot be one */
export async function normalizeHost(name: string): Promise<string | undefined> {
  const plain = preparePlainDomain(name);
  if (plain !== undefined) return plain;
  // The tables of string preparation are loaded only where they are needed.
  const { normalizeDomain } = await import('../credential/jid/jid.js');
  try {
    return normalizeDomain(name);
  } catch {
    return undefined;
  }
}
