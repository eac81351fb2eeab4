import { normalizeHost } from '../credential/jid/prepare.js';
import type { PasswordSettings } from '../passwords/settings.js';
import type { NamedKey } from '../credential/key.js';
import type { Hosts, HostSettings } from './configuration.js';
import type { Problems } from './errors.js';
import type { PasswordsReader } from './passwords.js';
import { readKeyRing, type RingKey } from './keys/key-ring.js';
import type { KeyReader } from './keys/keys.js';
import type { Document, HostTable, KeySettings } from './schema.js';
import { readUsers } from './users.js';

/** The id of the key at the top of the file. */
const DEFAULT_KEY = 'default';

interface Source {
  readonly document: Document;
  readonly file: string;
  readonly ring: readonly RingKey[];
  readonly reader: KeyReader;
  readonly passwordsReader: PasswordsReader | undefined;
}

/**
 * Reads which hosts are served, and how. If `[hosts]` lists any, only these are served; otherwise the hosts that keys name, and every
 * other host if there are secrets for it. A host without secrets of its own uses those at the top and the keys that name no host.
 *
 * @param file the path of the configuration: other paths are relative to its directory
 * @param reader also collects the problems
 */
export async function readHosts(
  document: Document,
  file: string,
  reader: KeyReader,
  passwordsReader: PasswordsReader | undefined,
): Promise<Hosts> {
  const ring = await readKeyRing(document.keys ?? [], reader);
  const source = { document, file, ring, reader, passwordsReader };
  const named = new Set(ring.flatMap(({ hosts }) => hosts ?? []));
  const isListed = document.hosts !== undefined;
  const settings = isListed
    ? await readListed(source)
    : new Map(Array.from(named, (host) => [host, readHost(source, [], {}, host)]));
  if (isListed) refuseUnlisted(named, settings, reader.problems);
  const servesAll =
    !isListed && (hasSecret(document) || ring.length === 0 || ring.some(({ hosts }) => hosts === undefined));
  const others = servesAll ? readHost(source, [], {}) : undefined;
  const all = [...settings.values(), ...(others === undefined ? [] : [others])];
  return {
    names: servesAll ? undefined : [...settings.keys()],
    keys: distinctKeys(
      all.flatMap(({ keys }) => keys),
      reader.problems,
    ),
    passwords: [...new Set(all.flatMap(({ passwords }) => passwords ?? []))],
    all,
    of: (host) => settings.get(host) ?? others,
  };
}

async function readListed(source: Source): Promise<Map<string, HostSettings>> {
  const { document, reader } = source;
  const { problems } = reader;
  const settings = new Map<string, HostSettings>();
  for (const [name, table] of Object.entries(document.hosts ?? {})) {
    const path = ['hosts', name];
    const host = await normalizeHost(name);
    if (host === undefined) problems.add(path, 'expected a domain such as example.com');
    else if (settings.has(host)) problems.add(path, `${host} is listed twice`);
    else settings.set(host, readHost(source, path, table, host));
  }
  if (settings.size === 0 && problems.list.length === 0) {
    problems.add(['hosts'], 'lists no host, so nobody could log in. Add a host, or remove the table');
  }
  return settings;
}

/** @param host left out for the settings of all hosts that the file does not name */
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
  const needsOwn = isSeparate || hasSecret(document) || added.length === 0;
  const own = needsOwn ? reader.read(isSeparate ? (host ?? DEFAULT_KEY) : DEFAULT_KEY, tables) : undefined;
  const keys = [own, ...added.map(({ key }) => key)].filter((key) => key !== undefined);
  refuseShared(keys, host, reader.problems);
  const passwords = readPasswords(source, path, table);
  const users = readUsers(path, table, document, file, reader.problems, passwords !== undefined);
  return { keys, users, passwords };
}

function readPasswords(
  { document, passwordsReader }: Source,
  path: readonly string[],
  table: HostTable,
): PasswordSettings | undefined {
  if (table.passwords !== undefined) return passwordsReader?.read([...path, 'passwords'], table.passwords);
  return document.passwords && passwordsReader?.read(['passwords'], document.passwords);
}

/** If two keys of a host shared a secret, one token could be consumed under a time step of either key. */
function refuseShared(keys: readonly NamedKey[], host: string | undefined, problems: Problems): void {
  for (const [index, { id, otpSeed, tokenSecret }] of keys.entries()) {
    const other = keys
      .slice(0, index)
      .find((key) => key.otpSeed === otpSeed || key.tokenSecret === tokenSecret);
    if (other === undefined) continue;
    const where = host === undefined ? '' : ` of ${host}`;
    const message = `the keys "${other.id}" and "${id}"${where} share a secret`;
    problems.add(['keys'], `${message}. Generate both secrets of a new key with "xtokend keygen"`);
  }
}

/** Returns each key once. A host's own key has the name of the host as its id, so a key in `[[keys]]` can have the same id. */
function distinctKeys(all: readonly NamedKey[], problems: Problems): NamedKey[] {
  const keys = new Map<string, NamedKey>();
  for (const key of all) {
    const other = keys.get(key.id) ?? key;
    const isSame = key.otpSeed === other.otpSeed && key.tokenSecret === other.tokenSecret;
    // The ids in [[keys]] have been compared already.
    if (!isSame && problems.list.length === 0) {
      const message = `two keys have the id "${key.id}", so the log and the metrics could not tell them apart`;
      const fix = 'Change the id in [[keys]], or move the secrets of the host of this name to [[keys]]';
      problems.add(['keys'], `${message}. ${fix}`);
    }
    keys.set(key.id, key);
  }
  return [...keys.values()];
}

function refuseUnlisted(
  named: ReadonlySet<string>,
  settings: ReadonlyMap<string, unknown>,
  problems: Problems,
): void {
  const unlisted = [...named].find((host) => !settings.has(host));
  if (unlisted === undefined) return;
  problems.add(['keys'], `${unlisted} is not served. Add [hosts."${unlisted}"], or remove it from the key`);
}

function hasSecret(settings: KeySettings): boolean {
  const { otp_seed, otp_seed_file, token_secret, token_secret_file } = settings;
  return (otp_seed ?? otp_seed_file ?? token_secret ?? token_secret_file) !== undefined;
}
