import type { NamedKey } from '../credential/key.js';
import type { Hosts, HostSettings } from './configuration.js';
import { normalizeHost } from '../credential/jid/prepare.js';
import type { KeyReader } from './keys/keys.js';
import { readRing, type RingKey } from './keys/key-ring.js';
import type { Document, HostTable, KeySettings } from './schema.js';
import { readUsers } from './users.js';

/** The id of the key that is made of the secrets at the top. */
const DEFAULT_KEY = 'default';

/**
 * Reads which hosts are served, and how: those that are listed; where none is, those that keys name, and every other one
 * where there are secrets for it. A host without secrets of its own takes those at the top, and the keys that name no host.
 *
 * @param file the configuration: paths are relative to its directory
 * @param reader gathers the problems
 */
export async function readHosts(document: Document, file: string, reader: KeyReader): Promise<Hosts> {
  const ring = await readRing(document.keys ?? [], reader);
  const source = { document, file, ring, reader };
  const named = new Set(ring.flatMap(({ hosts }) => hosts ?? []));
  const settings = document.hosts === undefined ? new Map<string, HostSettings>() : await readListed(source);
  if (document.hosts === undefined) {
    for (const host of named) settings.set(host, readHost(source, [], {}, host));
  } else refuseUnlisted(named, settings, reader);
  const servesEvery =
    document.hosts === undefined &&
    (hasSecret(document) || ring.length === 0 || ring.some(({ hosts }) => hosts === undefined));
  const others = servesEvery ? readHost(source, [], {}) : undefined;
  const all = [...settings.values(), ...(others === undefined ? [] : [others])];
  const keys = new Map<string, NamedKey>();
  for (const key of all.flatMap((host) => host.keys)) {
    refuseSameName(key, keys.get(key.id), reader);
    keys.set(key.id, key);
  }
  return {
    names: servesEvery ? undefined : [...settings.keys()],
    keys: [...keys.values()],
    all,
    of: (host) => settings.get(host) ?? others,
  };
}

interface Source {
  readonly document: Document;
  readonly file: string;
  readonly ring: readonly RingKey[];
  readonly reader: KeyReader;
}

async function readListed(source: Source): Promise<Map<string, HostSettings>> {
  const { document, reader } = source;
  const settings = new Map<string, HostSettings>();
  for (const [name, table] of Object.entries(document.hosts ?? {})) {
    const path = ['hosts', name];
    const host = await normalizeHost(name);
    if (host === undefined) reader.add(path, 'expected a domain such as example.com');
    else if (settings.has(host)) reader.add(path, `${host} is listed twice`);
    else settings.set(host, readHost(source, path, table, host));
  }
  if (settings.size === 0 && reader.problems.length === 0) {
    reader.add(['hosts'], 'lists no host, so nobody could log in; name one, or remove the table');
  }
  return settings;
}

/** @param host is left out for every host that is not named anywhere */
function readHost(source: Source, path: readonly string[], table: HostTable, host?: string): HostSettings {
  const { document, file, ring, reader } = source;
  const isSeparate = hasSecret(table);
  const added = ring.filter(({ hosts }) =>
    hosts === undefined ? !isSeparate : host !== undefined && hosts.includes(host),
  );
  const tables = [
    { path, settings: table },
    { path: [], settings: document },
  ];
  const id = isSeparate ? (host ?? DEFAULT_KEY) : DEFAULT_KEY;
  const needsOwn = isSeparate || hasSecret(document) || added.length === 0;
  const own = needsOwn ? reader.read(id, tables) : undefined;
  const keys = [own, ...added.map(({ key }) => key)].filter((key) => key !== undefined);
  refuseShared(keys, host, reader);
  const users = readUsers(path, table, document, file);
  if ('where' in users) reader.problems.push(users);
  return {
    keys,
    users: 'where' in users ? { users: 'any', restrictAuth: false, blockedPath: undefined } : users,
  };
}

/** Which of two keys a token is of could not be told: it might be remembered under a time step of the one or the other. */
function refuseShared(keys: readonly NamedKey[], host: string | undefined, reader: KeyReader): void {
  for (const [index, key] of keys.entries()) {
    const other = keys
      .slice(0, index)
      .find(({ otpSeed, tokenSecret }) => otpSeed === key.otpSeed || tokenSecret === key.tokenSecret);
    if (other === undefined) continue;
    const where = host === undefined ? '' : ` of ${host}`;
    reader.add(
      ['keys'],
      `the keys "${other.id}" and "${key.id}"${where} share a secret: a new key needs both anew (\`xtokend keygen\`)`,
    );
  }
}

/** A host's own key is called like the host, and the one at the top "default". */
function refuseSameName(key: NamedKey, other: NamedKey | undefined, reader: KeyReader): void {
  if (other === undefined || (key.otpSeed === other.otpSeed && key.tokenSecret === other.tokenSecret)) return;
  // Those that are in [[keys]] have been compared.
  if (reader.problems.length > 0) return;
  reader.add(
    ['keys'],
    `two keys are called "${key.id}": log and metrics could not tell them apart; give the one in [[keys]] another id, ` +
      'or move the secrets of a host of this name to [[keys]]',
  );
}

function refuseUnlisted(
  named: ReadonlySet<string>,
  settings: ReadonlyMap<string, unknown>,
  reader: KeyReader,
): void {
  for (const host of named) {
    if (!settings.has(host))
      reader.add(['keys'], `${host} is not served: add [hosts."${host}"], or take it out there`);
  }
}

function hasSecret(settings: KeySettings): boolean {
  const { otp_seed, otp_seed_file, token_secret, token_secret_file } = settings;
  return (otp_seed ?? otp_seed_file ?? token_secret ?? token_secret_file) !== undefined;
}
