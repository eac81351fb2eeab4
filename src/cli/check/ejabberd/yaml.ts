import { isAbsolute } from 'node:path';
import { explainReadError, readTextFile } from '../../../system/read-file.js';

/** Settings of ejabberd by their names. */
export type Table = Readonly<Record<string, unknown>>;

/** The content of ejabberd's configuration. */
export interface EjabberdSettings {
  /** Includes the settings of included files. Macros are replaced. */
  readonly top: Table;
  /** Included files that were not read. */
  readonly unread: readonly string[];
}

/** Limits a file whose aliases would expand into gigabytes. */
const MAX_ALIASES = 100;
const MAX_FILES = 100;
/** Tables of tables, one for each host. */
const BY_HOST = ['host_config', 'append_host_config'];
const INCLUDE = 'include_config_file';
const MACROS = 'define_macro';

/**
 * Reads ejabberd's configuration.
 *
 * @throws {Error} that names the file that cannot be read
 */
export async function readEjabberdYaml(file: string): Promise<EjabberdSettings> {
  const unread: string[] = [];
  const tables = await readTables(file, unread, { files: 0 });
  const top = tables.reduce(merge, {});
  const macros = isTable(top[MACROS]) ? top[MACROS] : {};
  return { top: expand({ ...top, [MACROS]: {} }, macros) as Table, unread };
}

async function readTables(file: string, unread: string[], budget: { files: number }): Promise<Table[]> {
  budget.files += 1;
  if (budget.files > MAX_FILES) throw new Error(`cannot read ${file}: it is one file too many`);
  const table = await readTable(file);
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

async function readTable(file: string): Promise<Table> {
  try {
    return await parse(readTextFile(file));
  } catch (error) {
    throw new Error(`cannot read ${file}: ${explainReadError(error)}`, { cause: error });
  }
}

/** Repeats no message of the library: these show lines of the file, which can hold passwords. */
async function parse(text: string): Promise<Table> {
  // Loaded only here: it takes longer to load than the rest of the program.
  const { parseDocument } = await import('yaml');
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

/** Whether a value is a table of settings. */
export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
