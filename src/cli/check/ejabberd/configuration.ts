import { messageOf } from '../../../errors.js';
import { isTable, readEjabberdYaml, type Table } from './yaml.js';
import { isAbsent } from '../absent.js';
import type { Situation } from '../situation.js';

const DEFAULT_FILE = '/etc/ejabberd/ejabberd.yml';
const DEFAULT_METHOD = 'internal';

/** The settings of ejabberd that concern xtokend. */
export interface EjabberdConfiguration {
  readonly file: string;
  readonly hosts: readonly EjabberdHost[];
  /** Files that are included and aren't read. */
  readonly unread: readonly string[];
}

/** One host. Settings that it doesn't have itself are those at the top. */
export interface EjabberdHost {
  readonly name: string;
  readonly setting: (name: string) => unknown;
  /** The values of `auth_method`. */
  readonly methods: readonly string[];
  /** Whether one of the methods is `external`. */
  readonly isExternal: boolean;
}

/**
 * Reads ejabberd's configuration, and the files that it includes by an absolute path.
 *
 * @returns `undefined` if there is no ejabberd, or why the configuration can't be read
 */
export async function readEjabberd({
  named,
}: Situation): Promise<EjabberdConfiguration | { readonly fault: string } | undefined> {
  const file = named.ejabberd ?? DEFAULT_FILE;
  if (named.ejabberd === undefined && isAbsent(file)) return undefined;
  try {
    const { top, unread } = await readEjabberdYaml(file);
    return { file, hosts: hostsOf(top), unread };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

function hostsOf(top: Table): EjabberdHost[] {
  const names = Array.isArray(top['hosts']) ? top['hosts'].map((name) => String(name).toLowerCase()) : [];
  return [...new Set(names)].map((name) => hostOf(name, top));
}

function hostOf(name: string, top: Table): EjabberdHost {
  const own = tableOf(top['host_config'], name);
  const appended = tableOf(top['append_host_config'], name);
  const setting = (wanted: string): unknown => {
    const value = own[wanted] ?? top[wanted];
    return appended[wanted] === undefined ? value : [value ?? [], appended[wanted]].flat();
  };
  const methods = [setting('auth_method') ?? DEFAULT_METHOD].flat().map(String);
  return { name, setting, methods, isExternal: methods.includes('external') };
}

function tableOf(byHost: unknown, name: string): Table {
  const tables = isTable(byHost) ? Object.entries(byHost) : [];
  const [, table] = tables.find(([host]) => host.toLowerCase() === name) ?? [];
  return isTable(table) ? table : {};
}
