import { isAbsolute } from 'node:path';
import type * as Yaml from 'yaml';
import { readTextFile } from '../../../system/read-file.js';
import { readNamed } from '../machine/access.js';
import { socketOf } from './command.js';

const DEFAULT_METHOD = 'internal';
/** Limits a file whose aliases would expand into gigabytes. */
const MAX_ALIASES = 100;
const MAX_FILES = 100;
/** Tables of tables, one for each host. */
const BY_HOST = ['host_config', 'append_host_config'];
const INCLUDE = 'include_config_file';
const MACROS = 'define_macro';

/** Settings of ejabberd by their names. */
type Table = Readonly<Record<string, unknown>>;

/** The settings of ejabberd that concern xtokend. */
export interface EjabberdConfiguration {
  readonly file: string;
  readonly hosts: readonly EjabberdHost[];
  /** Included files that were not read. */
  readonly unread: readonly string[];
}

/** One host. For settings that it does not have, those at the top apply. */
export interface EjabberdHost {
  readonly name: string;
  readonly setting: (name: string) => unknown;
  /** The values of `auth_method`. */
  readonly methods: readonly string[];
  /** Whether one of the methods is `external`. */
  readonly isExternal: boolean;
  /** The socket to which `extauth_program` connects; `undefined` if it starts a process for each place in the pool. */
  readonly socket: string | undefined;
}

/**
 * Reads ejabberd's configuration, and the files that it includes by an absolute path.
 *
 * @throws {Error} that names the file that cannot be read
 */
export async function readEjabberd(file: string): Promise<EjabberdConfiguration> {
  const unread: string[] = [];
  const tables = (await readTables(file, unread, { files: 0 })).reduce(merge, {});
  const macros = isTable(tables[MACROS]) ? tables[MACROS] : {};
  const top = expand({ ...tables, [MACROS]: {} }, macros) as Table;
  const names = Array.isArray(top['hosts']) ? top['hosts'].map((name) => String(name).toLowerCase()) : [];
  return { file, hosts: [...new Set(names)].map((name) => hostOf(name, top)), unread };
}

function hostOf(name: string, top: Table): EjabberdHost {
  const own = tableOf(top['host_config'], name);
  const appended = tableOf(top['append_host_config'], name);
  const setting = (wanted: string): unknown => {
    const value = own[wanted] ?? top[wanted];
    return appended[wanted] === undefined ? value : [value ?? [], appended[wanted]].flat();
  };
  const methods = [setting('auth_method') ?? DEFAULT_METHOD].flat().map(String);
  const socket = socketOf(setting('extauth_program'));
  return { name, setting, methods, isExternal: methods.includes('external'), socket };
}

function tableOf(byHost: unknown, name: string): Table {
  const tables = isTable(byHost) ? Object.entries(byHost) : [];
  const [, table] = tables.find(([host]) => host.toLowerCase() === name) ?? [];
  return isTable(table) ? table : {};
}

async function readTables(file: string, unread: string[], budget: { files: number }): Promise<Table[]> {
  budget.files += 1;
  if (budget.files > MAX_FILES) throw new Error(`cannot read ${file}: it is one file too many`);
  // Loaded only here: it takes longer to load than the rest of the program.
  const yaml = await import('yaml');
  const table = readNamed(file, () => parse(readTextFile(file), yaml));
  const tables = [table];
  for (const { path, options } of includesOf(table[INCLUDE])) {
    // A relative path depends on the directory in which ejabberd was started.
    if (!isAbsolute(path)) unread.push(path);
    else {
      for (const included of await readTables(path, unread, budget)) tables.push(pick(included, options));
    }
  }
  return tables;
}

/** Parses YAML. Errors don't include the library's messages, which quote lines of the file, and those can hold passwords. */
function parse(text: string, { parseDocument }: typeof Yaml): Table {
  const document = parseDocument(text, { uniqueKeys: false, logLevel: 'silent', version: '1.1' });
  const [error] = document.errors;
  if (error !== undefined)
    throw new Error(`not YAML: ${error.code} in line ${error.linePos?.[0].line ?? '?'}`);
  const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
  if (!isTable(value)) throw new Error('expected settings, found something else');
  return value;
}

/** Reads a path, a list of paths, or a table of paths with options. */
function includesOf(value: unknown): { path: string; options: Table }[] {
  if (typeof value === 'string') return [{ path: value, options: {} }];
  if (Array.isArray(value)) return value.flatMap(includesOf);
  if (!isTable(value)) return [];
  return Object.entries(value).map(([path, options]) => ({ path, options: isTable(options) ? options : {} }));
}

function pick(table: Table, { allow_only: allowed, disallow: refused }: Table): Table {
  const isIn = (list: unknown, name: string): boolean => Array.isArray(list) && list.includes(name);
  const isKept = ([name]: [string, unknown]): boolean =>
    (allowed === undefined || isIn(allowed, name)) && !isIn(refused, name);
  return Object.fromEntries(Object.entries(table).filter(isKept));
}

/** Merges tables by host or name; any other setting replaces an earlier one. */
function merge(all: Table, one: Table): Table {
  const merged: Record<string, unknown> = { ...all };
  for (const [name, value] of Object.entries(one)) {
    const before = merged[name];
    if (!isTable(value) || !isTable(before)) merged[name] = value;
    else merged[name] = BY_HOST.includes(name) ? merge(before, value) : { ...before, ...value };
  }
  return merged;
}

/** Replaces macros, each of which is a whole value. */
function expand(value: unknown, macros: Table): unknown {
  if (typeof value === 'string') return Object.hasOwn(macros, value) ? macros[value] : value;
  if (Array.isArray(value)) return value.map((element) => expand(element, macros));
  if (!isTable(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, expand(inner, macros)]));
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
