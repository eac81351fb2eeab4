import { normalizeHost } from '../../credential/jid/prepare.js';
import type { NamedKey } from '../../credential/key.js';
import type { KeyTable } from '../schema.js';
import type { KeyReader } from './keys.js';

/** A table of `[[keys]]`. */
export interface RingKey {
  readonly id: string;
  /** `undefined` if it is invalid. */
  readonly key: NamedKey | undefined;
  /** The hosts that it is for (normalized), or `undefined` for all that have no secrets of their own. */
  readonly hosts: readonly string[] | undefined;
}

// Shorter than any secret, which somebody may have pasted here.
const ID = /^[\w.-]{1,15}$/;

/** Reads `[[keys]]`. @param reader also collects the problems */
export async function readKeyRing(tables: readonly KeyTable[], reader: KeyReader): Promise<RingKey[]> {
  const ring: RingKey[] = [];
  for (const [index, table] of tables.entries()) {
    const path = ['keys', String(index)];
    const { id } = table;
    if (!ID.test(id)) {
      reader.problems.add([...path, 'id'], 'expected 1 to 15 letters, digits, dots, dashes and underscores');
    } else if (id === 'default' || ring.some((other) => other.id === id)) {
      const message = `"${id}" is already used, so the log and the metrics could not tell the keys apart`;
      reader.problems.add([...path, 'id'], message);
    }
    const hosts = table.hosts && (await readHostNames([...path, 'hosts'], table.hosts, reader));
    ring.push({ id, key: await reader.readDated(path, table), hosts });
  }
  return ring;
}

async function readHostNames(
  path: readonly string[],
  names: readonly string[],
  { problems }: KeyReader,
): Promise<readonly string[]> {
  const hosts = await Promise.all(names.map(normalizeHost));
  if (hosts.length === 0) problems.add(path, 'lists no host. Add one, or remove the setting for every host');
  if (hosts.includes(undefined)) problems.add(path, 'expected domains such as "example.com"');
  return hosts.filter((host) => host !== undefined);
}
