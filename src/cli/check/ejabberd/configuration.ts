import { isTable, readEjabberdYaml, type Table } from './yaml.js';

const DEFAULT_METHOD = 'internal';

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
}

/**
 * Reads ejabberd's configuration, and the files that it includes by an absolute path.
 *
 * @throws {Error} that names the file that cannot be read
 */
export async function readEjabberd(file: string): Promise<EjabberdConfiguration> {
  const { top, unread } = await readEjabberdYaml(file);
  return { file, hosts: hostsOf(top), unread };
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
