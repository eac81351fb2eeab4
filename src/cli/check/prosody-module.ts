import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Account } from './accounts.js';
import { obstacleTo } from './access.js';
import type { Finding } from './finding.js';
import { packageFolder } from './package-folder.js';
import type { ProsodyConfiguration, ProsodyHost } from './prosody-configuration.js';
import { findProsodyProgram } from './prosody-program.js';
import { quoted } from '../../quoted.js';
import type { Situation } from './situation.js';

const DEFAULT_MODULES = '/usr/lib/prosody/modules';
/** Where `prosodyctl install` puts modules. */
const INSTALLED_MODULES = '/var/lib/prosody/custom_plugins';

/** Looks for the module of each host where Prosody looks for it. */
export function checkProsodyModule(
  prosody: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
  account: Account | undefined,
  { env }: Situation,
): Finding[] {
  const folders = foldersOf(prosody, findProsodyProgram(env)?.modules ?? DEFAULT_MODULES);
  const names = new Set(hosts.map(({ setting }) => `auth_${setting('authentication') ?? ''}`));
  const missing = [...names].filter((name) => !isThere(name, folders, account));
  return [
    ...(prosody.hasMisplacedPaths ? [misplaced(prosody.file)] : []),
    ...missing.map((name) => explain(name, folders)),
  ];
}

function foldersOf({ global, file }: ProsodyConfiguration, ownModules: string): string[] {
  const value = global('plugin_paths') ?? [];
  const paths = typeof value === 'string' ? value.split(';') : value;
  return [...paths.map((path) => resolve(dirname(file), path)), INSTALLED_MODULES, resolve(ownModules)];
}

function isThere(name: string, folders: readonly string[], account: Account | undefined): boolean {
  const files = folders.flatMap((folder) => [
    join(folder, `mod_${name}.lua`),
    join(folder, name, `mod_${name}.lua`),
    join(folder, `mod_${name}`, `mod_${name}.lua`),
  ]);
  const mayRead = (path: string): boolean =>
    account === undefined || obstacleTo(path, account, 'read') === undefined;
  return files.some((path) => existsSync(path) && mayRead(path));
}

function misplaced(file: string): Finding {
  return {
    level: 'problem',
    code: 'prosody-plugin-paths',
    subject: 'prosody',
    message: `plugin_paths stands below a host in ${file}, where it counts for nothing`,
    cure: 'move that line above the first VirtualHost',
  };
}

function explain(name: string, folders: readonly string[]): Finding {
  const folder = folders[0] === INSTALLED_MODULES ? '/usr/local/lib/prosody/modules' : (folders[0] ?? '');
  const isOurs = name === 'auth_xtoken';
  const ours = `install -D -m 644 ${quoted(join(packageFolder(), 'prosody/mod_auth_xtoken.lua'))} -t ${quoted(folder)}`;
  return {
    level: 'problem',
    code: 'prosody-module-missing',
    subject: 'prosody',
    message: `there is no mod_${name}.lua that Prosody can read in ${folders.join(', ')}`,
    cure: isOurs
      ? folders[0] === INSTALLED_MODULES
        ? `${ours}; plugin_paths = { "${folder}" }`
        : ours
      : 'it is in prosody-modules; or take authentication = "xtoken"',
  };
}
