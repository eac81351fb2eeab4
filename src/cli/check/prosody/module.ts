import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import leven from 'leven';
import { findings, type Finding } from '../finding.js';
import type { Account } from '../machine/accounts.js';
import type { Situation } from '../situation.js';
import type { ProsodyConfiguration, ProsodyHost } from './configuration.js';
import { forHosts, namesOf, type HostFinding } from './host-finding.js';
import { COMPUTED } from './lua.js';
import { checkModuleFiles, findModuleFile, installCommand } from './module-files.js';
import { findProsodyProgram } from './program.js';

const { note, problem } = findings('prosody');

const DEFAULT_MODULES = '/usr/lib/prosody/modules';
/** The directory into which `prosodyctl install` installs modules. */
const INSTALLED_MODULES = '/var/lib/prosody/custom_plugins';
/** For our module, unless `plugin_paths` names another directory. */
const LOCAL_MODULES = '/usr/local/lib/prosody/modules';
const OURS = 'xtoken';
const MAX_TYPING_ERRORS = 2;

/** Checks whether the authentication module of each host is in a directory that Prosody searches, and ours is that of this package. */
export function checkProsodyModule(
  prosody: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
  account: Account | undefined,
  { env }: Situation,
): HostFinding[] {
  const ownModules = resolve(findProsodyProgram(env)?.modules ?? DEFAULT_MODULES);
  // In the order in which Prosody searches them.
  const directories = [INSTALLED_MODULES, ...namedDirectories(prosody), ownModules];
  const absent = [...new Set(hosts.map(({ provider }) => provider))].filter(
    (name) => findModuleFile(`auth_${name}`, `mod_auth_${name}.lua`, directories, account) === undefined,
  );
  const isUnknown = prosody.global('plugin_paths') === COMPUTED;
  const misplaced = `plugin_paths is set below a host in ${prosody.file}, where Prosody ignores it`;
  const move = 'move that line above the first VirtualHost';
  return [
    ...forHosts(prosody.hasMisplacedPaths ? hosts : [], problem('prosody-plugin-paths', misplaced, move)),
    ...absent.flatMap((name) => {
      const concerned = hosts.filter(({ provider }) => provider === name);
      if (isUnknown) return forHosts(concerned, unknown(name, namesOf(concerned)));
      // If Prosody's own modules are elsewhere, this may be one of them.
      const isKnown =
        name === OURS || name.startsWith('external') || isMisspelt(name) || existsSync(ownModules);
      return forHosts(isKnown ? concerned : [], missing(name, namesOf(concerned), directories));
    }),
    ...(isUnknown ? [] : compare(hosts, directories, account)),
  ];
}

function compare(
  hosts: readonly ProsodyHost[],
  directories: readonly string[],
  account: Account | undefined,
): HostFinding[] {
  const concerned = hosts.filter(({ provider }) => provider === OURS);
  if (concerned.length === 0) return [];
  const found = checkModuleFiles(namesOf(concerned), directories, account);
  return found.map((finding) => ({ finding, hosts: concerned }));
}

function namedDirectories({ global, file }: ProsodyConfiguration): string[] {
  const value = global('plugin_paths');
  if (value === undefined || value === COMPUTED) return [];
  const paths = typeof value === 'string' ? value.split(';') : value;
  return paths.map((path) => resolve(dirname(file), path));
}

/** Such as `xtokend`, `mod_auth_xtoken`, `X-Token`. */
function isMisspelt(provider: string): boolean {
  const letters = provider.toLowerCase().replace(/[^a-z0-9]/g, '');
  return provider !== OURS && (letters.includes(OURS) || leven(letters, OURS) <= MAX_TYPING_ERRORS);
}

function unknown(provider: string, names: string): Finding {
  const message = `Lua code computes plugin_paths, so whether Prosody finds mod_auth_${provider}.lua for ${names} is unknown`;
  return note('prosody-computed', message, 'run `prosodyctl check config`, and see the log of Prosody');
}

function missing(provider: string, names: string, directories: readonly string[]): Finding {
  if (isMisspelt(provider)) {
    const message = `authentication = "${provider}": Prosody has no such module, so nobody can log in at ${names}`;
    return problem('prosody-provider-name', message, 'authentication = "xtoken"');
  }
  const message = `there is no mod_auth_${provider}.lua that Prosody can read in ${directories.join(', ')}, so nobody can log in at ${names}`;
  const isExternal = provider.startsWith('external');
  const replace = `${isExternal ? 'install it from prosody-modules' : 'correct the name'}, or set authentication = "xtoken"`;
  return problem('prosody-module-missing', message, provider === OURS ? install(directories) : replace);
}

function install([, first = '', own]: readonly string[]): string {
  const isUnset = own === undefined;
  const command = installCommand(isUnset ? LOCAL_MODULES : first);
  return isUnset
    ? `${command}; plugin_paths = { "${LOCAL_MODULES}" }; then restart Prosody`
    : `${command}; then restart Prosody`;
}
