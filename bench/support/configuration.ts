import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SECRETS } from '../../test/support/keys.js';

/** What differs between the daemons that are measured. */
export interface ConfigurationOptions {
  /** Where the log and the socket of the metrics are. */
  readonly folder: string;
  /** Where the replay cache is; in the memory, where it is left out. */
  readonly cache?: string;
  /** More lines. */
  readonly more?: string;
}

/** @returns a configuration with all that a daemon has in service: a log in a file, metrics, a replay cache */
export function configurationOf({ folder, cache, more = '' }: ConfigurationOptions): string {
  const replay = cache === undefined ? 'store = "memory"' : `store = "directory"\npath = "${cache}"`;
  return `${SECRETS}
[log]
target = "file:${join(folder, 'log')}"
[metrics]
listen = "unix:${join(folder, 'metrics.sock')}"
[replay]
${replay}
${more}
`;
}

/** @returns the path of a file with a configuration */
export function writeConfiguration(options: ConfigurationOptions): string {
  const path = join(options.folder, 'xtokend.toml');
  writeFileSync(path, configurationOf(options), { mode: 0o600 });
  return path;
}
