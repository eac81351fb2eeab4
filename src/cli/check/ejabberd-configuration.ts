import { existsSync } from 'node:fs';
import { explainReadError, readTextFile } from '../../config/read-file.js';
import type { Situation } from './situation.js';

const DEFAULT_FILE = '/etc/ejabberd/ejabberd.yml';
/** Against a file whose aliases unfold into gigabytes. */
const MAX_ALIASES = 100;

/** What ejabberd is told, as far as it concerns us. */
export interface EjabberdConfiguration {
  readonly file: string;
  /** Those that have external authentication. */
  readonly hosts: readonly EjabberdHost[];
}

/** One host, with what stands at the top where it says nothing itself. */
export interface EjabberdHost {
  readonly name: string;
  readonly setting: (name: string) => unknown;
}

type Table = Readonly<Record<string, unknown>>;

/**
 * Reads ejabberd's configuration. What it includes, and macros, are passed over.
 *
 * @returns `undefined` where there is no ejabberd, or why it cannot be read
 */
export async function readEjabberd({
  named,
}: Situation): Promise<EjabberdConfiguration | { readonly fault: string } | undefined> {
  const file = named.ejabberd ?? DEFAULT_FILE;
  if (named.ejabberd === undefined && !existsSync(file)) return undefined;
  try {
    const top = await parse(readTextFile(file));
    return { file, hosts: hostsOf(top).filter(isExternal) };
  } catch (error) {
    return { fault: `cannot read ${file}: ${explainReadError(error)}` };
  }
}

/** The messages of the library show lines of the file: there can be passwords. */
async function parse(text: string): Promise<Table> {
  // It takes longer to load than all the rest.
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { uniqueKeys: false, logLevel: 'silent', version: '1.1' });
  const [error] = document.errors;
  if (error !== undefined)
    throw new Error(`not YAML: ${error.code} in line ${error.linePos?.[0].line ?? '?'}`);
  const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
  if (!isTable(value)) throw new Error('expected settings, found something else');
  return value;
}

function hostsOf(top: Table): EjabberdHost[] {
  const overrides = [top['host_config'], top['append_host_config']].filter(isTable);
  const names = Array.isArray(top['hosts']) ? top['hosts'].map(String) : [];
  const all = new Set([...names, ...overrides.flatMap((table) => Object.keys(table))]);
  return [...all].map((name) => {
    const own = overrides.map((table) => table[name]).filter(isTable);
    return {
      name,
      setting: (setting) => own.find((table) => Object.hasOwn(table, setting))?.[setting] ?? top[setting],
    };
  });
}

function isExternal({ setting }: EjabberdHost): boolean {
  const method = setting('auth_method');
  return method === 'external' || (Array.isArray(method) && method.includes('external'));
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
