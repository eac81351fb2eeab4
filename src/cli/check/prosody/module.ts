import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import leven from 'leven';
import type { Account } from '../accounts.js';
import { obstacleTo } from '../access.js';
import { packageDirectory } from '../daemon/package-directory.js';
import type { ProsodyConfiguration, ProsodyHost } from './configuration.js';
import { findProsodyProgram } from './program.js';
import { context, providerOf, type HostFinding } from './provider.js';
import { COMPUTED } from './lua-value.js';
import { quoted } from '../../../quoted.js';
import type { Situation } from '../situation.js';

const DEFAULT_MODULES = '/usr/lib/prosody/modules';
/** Where `prosodyctl install` puts modules. */
const INSTALLED_MODULES = '/var/lib/prosody/custom_plugins';
const OURS = 'xtoken';
const MAX_TYPING_ERRORS = 2;

/** Looks for the module of each host where Prosody looks for it. */
export function checkProsodyModule(
  prosody: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
  account: Account | undefined,
  { env }: Situation,
): HostFinding[] {
  const ownModules = resolve(findProsodyProgram(env)?.modules ?? DEFAULT_MODULES);
  const directories = [...namedFolders(prosody), INSTALLED_MODULES, ownModules];
  const missing = [...new Set(hosts.map(providerOf))].filter((name) => !isThere(name, directories, account));
  const isUnknown = prosody.global('plugin_paths') === COMPUTED;
  return [
    ...context(prosody.hasMisplacedPaths ? hosts : [], () => misplaced(prosody.file)),
    ...missing.flatMap((name) => {
      const concerned = hosts.filter((host) => providerOf(host) === name);
      if (isUnknown) return context(concerned, (names) => unknown(name, names));
      if (isMisspelt(name)) return context(concerned, (names) => misspelt(name, names));
      // Without Prosody's own modules nothing can be said about them.
      const isJudged = name === OURS || name.startsWith('external') || existsSync(ownModules);
      return context(isJudged ? concerned : [], (names) => absent(name, names, directories));
    }),
  ];
}

function namedFolders({ global, file }: ProsodyConfiguration): string[] {
  const value = global('plugin_paths');
  if (value === undefined || value === COMPUTED) return [];
  const paths = typeof value === 'string' ? value.split(';') : value;
  return paths.map((path) => resolve(dirname(file), path));
}

function isThere(provider: string, directories: readonly string[], account: Account | undefined): boolean {
  const name = `auth_${provider}`;
  const files = directories.flatMap((directory) => [
    join(directory, `mod_${name}.lua`),
    join(directory, name, `mod_${name}.lua`),
    join(directory, `mod_${name}`, `mod_${name}.lua`),
  ]);
  const mayRead = (path: string): boolean =>
    account === undefined || obstacleTo(path, account, 'read') === undefined;
  return files.some((path) => existsSync(path) && mayRead(path));
}

/** Such as `xtokend`, `mod_auth_xtoken`, `X-Token`. */
function isMisspelt(provider: string): boolean {
  const letters = provider.toLowerCase().replace(/[^a-z0-9]/g, '');
  return provider !== OURS && (letters.includes(OURS) || leven(letters, OURS) <= MAX_TYPING_ERRORS);
}

type Description = ReturnType<Parameters<typeof context>[1]>;

function misplaced(file: string): Description {
  return {
    level: 'problem',
    code: 'prosody-plugin-paths',
    message: `plugin_paths stands below a host in ${file}, where it counts for nothing`,
    fix: 'move that line above the first VirtualHost',
  };
}

function misspelt(provider: string, names: string): Description {
  return {
    level: 'problem',
    code: 'prosody-provider-name',
    message: `authentication = "${provider}": Prosody has no such module, so nobody gets in at ${names}`,
    fix: 'authentication = "xtoken"',
  };
}

function unknown(provider: string, names: string): Description {
  return {
    level: 'note',
    code: 'prosody-computed',
    message: `plugin_paths is computed in Lua, so whether Prosody finds mod_auth_${provider}.lua for ${names} is unknown`,
    fix: '`prosodyctl check config` and the log of Prosody tell',
  };
}

function absent(provider: string, names: string, directories: readonly string[]): Description {
  const directory =
    directories[0] === INSTALLED_MODULES ? '/usr/local/lib/prosody/modules' : (directories[0] ?? '');
  const ours = `install -D -m 644 ${quoted(join(packageDirectory(), 'prosody/mod_auth_xtoken.lua'))} -t ${quoted(directory)}`;
  const fix = directories[0] === INSTALLED_MODULES ? `${ours}; plugin_paths = { "${directory}" }` : ours;
  const isStock = provider.startsWith('external');
  const other = `${isStock ? 'it is in prosody-modules; or set' : 'correct the name, or set'} authentication = "xtoken"`;
  return {
    level: 'problem',
    code: 'prosody-module-missing',
    message: `there is no mod_auth_${provider}.lua that Prosody can read in ${directories.join(', ')}, so nobody gets in at ${names}`,
    fix: provider === OURS ? fix : other,
  };
}
