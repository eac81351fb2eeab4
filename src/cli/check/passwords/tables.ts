import type { Configuration } from '../../../config/configuration.js';
import type { PasswordSettings } from '../../../passwords/settings.js';

/** Lists the tables of passwords, each once. */
export function tablesOf({ hosts }: Pick<Configuration, 'hosts'>): PasswordSettings[] {
  return [...new Set(hosts.all.flatMap(({ passwords }) => passwords ?? []))];
}
