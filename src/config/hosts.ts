import type { CredentialKey } from '../credential/key.js';
import type { HostKeys } from './configuration.js';
import type { Problem } from './errors.js';
import type { KeyReader } from './keys.js';
import type { Document } from './schema.js';
import { settingName } from './setting-name.js';

const PLAIN_DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/;

/**
 * Makes the keys of all hosts. Where hosts are listed, others are not served; a host without a secret of its own
 * takes the one at the top.
 *
 * @param reader gathers the problems
 */
export async function readHostKeys(document: Document, reader: KeyReader): Promise<HostKeys> {
  const top = { path: [], settings: document };
  if (document.hosts === undefined) {
    const key = reader.read([top]);
    return { hosts: undefined, keyOf: () => key };
  }
  const keys = new Map<string, CredentialKey | undefined>();
  for (const [name, settings] of Object.entries(document.hosts)) {
    const path = ['hosts', name];
    const host = await normalized(name);
    if (host === undefined) reader.problems.push(problem(path, 'expected a domain such as example.com'));
    else if (keys.has(host)) reader.problems.push(problem(path, `${host} is listed twice`));
    else keys.set(host, reader.read([{ path, settings }, top]));
  }
  if (keys.size === 0 && reader.problems.length === 0) {
    reader.problems.push(
      problem(['hosts'], 'lists no host, so nobody could log in; name one, or remove the table'),
    );
  }
  return { hosts: [...keys.keys()], keyOf: (host) => keys.get(host) };
}

function problem(path: readonly string[], message: string): Problem {
  return { where: settingName(path), message };
}

/** @returns the host as servers send it, or `undefined` for what cannot be one */
async function normalized(name: string): Promise<string | undefined> {
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
