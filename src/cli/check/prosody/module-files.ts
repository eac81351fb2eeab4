import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { quoted } from '../../../quoted.js';
import { packageDirectory } from '../../shared/package-directory.js';
import { findings, type Finding } from '../finding.js';
import { attempt, obstacleTo } from '../machine/access.js';
import type { Account } from '../machine/accounts.js';

const { warning, problem } = findings('prosody');

const NAME = 'auth_xtoken';
const MODULE = `mod_${NAME}.lua`;

/**
 * Finds the file that Prosody loads for a module: the first one that its user can read.
 *
 * @param name the module without `mod_`, such as `auth_xtoken`
 * @param file the module's own file, or another one that it loads with `module:require`
 * @param directories those that Prosody searches, in their order
 */
export function findModuleFile(
  name: string,
  file: string,
  directories: readonly string[],
  account: Account | undefined,
): string | undefined {
  const mayRead = (path: string): boolean =>
    account === undefined || obstacleTo(path, account, 'read') === undefined;
  // As util.pluginloader does.
  return directories
    .flatMap((directory) =>
      [`mod_${name}/${name}`, `mod_${name}`, name, ''].map((sub) => join(directory, sub, file)),
    )
    .find((path) => existsSync(path) && mayRead(path));
}

/**
 * Compares the files of our module that Prosody loads with those of this package.
 *
 * @param names the hosts that use the module, for a message
 */
export function checkModuleFiles(
  names: string,
  directories: readonly string[],
  account: Account | undefined,
): Finding[] {
  const module = findModuleFile(NAME, MODULE, directories, account);
  if (module === undefined) return [];
  const files = packagedFiles().map((file) => ({
    file,
    found: file === MODULE ? module : findModuleFile(NAME, file, directories, account),
  }));
  const own = ownDirectory(directories);
  const shadowing = files.flatMap(({ found }) => found ?? []).filter((found) => dirname(found) !== own);
  if (own !== undefined && shadowing.length > 0) return [shadows(shadowing, own)];
  const text = attempt(() => readFileSync(module, 'utf8')) ?? '';
  // An older module doesn't need a file that a later one was split into.
  const absent = files.filter(({ file, found }) => found === undefined && text.includes(libraryOf(file)));
  const different = files.flatMap(({ file, found }) =>
    found !== undefined && differs(found, file) ? [found] : [],
  );
  const command = installCommand(dirname(module));
  // Prosody can't reload a module that it could not load.
  const restart = `${command}; then restart Prosody`;
  const reload = `${command} && prosodyctl shell module reload ${NAME}; if the reload fails, restart Prosody`;
  return [
    ...absent.map(({ file }) => lacking(module, file, names, directories, restart)),
    ...(different.length === 0 ? [] : [changed(different, reload)]),
  ];
}

/** Returns the directory of Prosody's own modules if it has links to those of this package, as after an installation of the Debian package. */
function ownDirectory(directories: readonly string[]): string | undefined {
  const own = directories.at(-1) ?? '';
  const [link, module] = [join(own, MODULE), join(packageDirectory(), 'prosody', MODULE)];
  const isLink = attempt(
    () => lstatSync(link).isSymbolicLink() && realpathSync(link) === realpathSync(module),
  );
  return isLink === true ? own : undefined;
}

function shadows(paths: readonly string[], own: string): Finding {
  const are = paths.length === 1 ? 'replaces' : 'replace';
  const message = `${paths.join(' and ')} ${are} the module of the Debian package in ${own}, and ${paths.length === 1 ? 'does' : 'do'} not change with it`;
  const fix = `rm ${paths.map((path) => quoted(path)).join(' ')} && systemctl restart prosody`;
  return warning('prosody-module-shadows', message, fix);
}

/** Returns the shell command that installs the module of this package. */
export function installCommand(directory: string): string {
  return `install -D -m 644 ${quoted(join(packageDirectory(), 'prosody'))}/*.lua -t ${quoted(directory)}`;
}

function packagedFiles(): string[] {
  const files = attempt(() => readdirSync(join(packageDirectory(), 'prosody'))) ?? [];
  return files.filter((file) => file.endsWith('.lua'));
}

/** Returns the name by which `module:require` loads a file. */
function libraryOf(file: string): string {
  return basename(file).replace(/(?:\.lib)?\.lua$/, '');
}

/** A file that this user cannot read does not count as different. */
function differs(path: string, file: string): boolean {
  const installed = attempt(() => readFileSync(path));
  const packaged = attempt(() => readFileSync(join(packageDirectory(), 'prosody', file)));
  return installed !== undefined && packaged !== undefined && !installed.equals(packaged);
}

function lacking(
  module: string,
  file: string,
  names: string,
  directories: readonly string[],
  fix: string,
): Finding {
  const message = `${module} needs ${file}, but there is none that Prosody can read in ${directories.join(', ')}, so nobody can log in at ${names}`;
  return problem('prosody-module-missing', message, fix);
}

function changed(paths: readonly string[], fix: string): Finding {
  const [is, one] = paths.length === 1 ? ['is', 'the one'] : ['are', 'those'];
  return warning('prosody-module-differs', `${paths.join(' and ')} ${is} not ${one} of this xtokend`, fix);
}
