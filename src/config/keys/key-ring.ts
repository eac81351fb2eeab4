import type { NamedKey } from '../../credential/key.js';
import { normalizeHost } from '../../credential/jid/prepare.js';
import type { KeyReader } from './keys.js';
import type { KeyTable } from '../schema.js';

/** A table of `[[keys]]`. */
export interface RingKey {
  readonly id: string;
  /** `undefined` where it is not good. */
  readonly key: NamedKey | undefined;
  /** The hosts that it is for (normalised), or `undefined` for all that have no secrets of their own. */
  readonly hosts: readonly string[] | undefined;
}

// Shorter than any secret that somebody may have pasted in its place.
const ID = /^[\w.-]{1,15}$/;

/** Reads `[[keys]]`. @param reader gathers the problems */
export async function readRing(tables: readonly KeyTable[], reader: KeyReader): Promise<RingKey[]> {
  const ring: RingKey[] = [];
  for (const [index, table] of tables.entries()) {
    const path = ['keys', String(index)];
    if (!ID.test(table.id)) {
      reader.add([...path, 'id'], 'expected 1 to 15 letters, digits, dots, dashes and underscores');
    } else if (table.id === 'default' || ring.some(({ id }) => id === table.id)) {
      reader.add([...path, 'id'], `"${table.id}" is taken: log and metrics could not tell the keys apart`);
    }
    const hosts = table.hosts && (await readHostNames([...path, 'hosts'], table.hosts, reader));
    const key = await reader.readDated(path, table);
    ring.push({ id: table.id, key, hosts });
  }
  return ring;
}

async function readHostNames(
  path: readonly string[],
  names: readonly string[],
  reader: KeyReader,
): Promise<readonly string[]> {
  const hosts = await Promise.all(names.map(normalizeHost));
  if (hosts.length === 0) reader.add(path, 'lists no host; name one, or leave it out for every host');
  if (hosts.includes(undefined)) reader.add(path, 'expected domains such as "example.com"');
  return hosts.filter((host) => host !== undefined);
}
