import type { Configuration } from '../../../config/configuration.js';
import type { PasswordSettings } from '../../../passwords/settings.js';

/** Lists the files of app passwords. */
export function storesOf({ hosts }: Pick<Configuration, 'hosts'>): string[] {
  return tablesOf({ hosts }).flatMap(({ backends }) =>
    backends.flatMap((backend) => (backend.kind === 'app-passwords' ? backend.path : [])),
  );
}

/** Lists the tables of passwords, each once. */
export function tablesOf({ hosts }: Pick<Configuration, 'hosts'>): PasswordSettings[] {
  return [...new Set(hosts.all.flatMap(({ passwords }) => passwords ?? []))];
}
