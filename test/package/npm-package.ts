import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The version in package.json. */
export const VERSION: string = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string })
  .version;

/** Makes the tarball of a clone with its `dist/`. Returns its path. */
export function pack(directory: string, clone = '.'): string {
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory];
  return join(directory, execFileSync('npm', args, { cwd: clone, encoding: 'utf8' }).trim());
}

/** Installs a tarball for all users, without a network. Returns the directory of the package. */
export function installGlobally(tarball: string, prefix: string, umask = '022'): string {
  const options = '--silent --offline --no-audit --no-fund --ignore-scripts --global';
  const script = `umask ${umask} && npm install ${options} --prefix "$1" "$2"`;
  execFileSync('sh', ['-c', script, 'sh', prefix, tarball]);
  return join(prefix, 'lib/node_modules/xtokend');
}

/** Returns the paths of the files below a directory, relative to it and sorted. */
export function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(directory, path)).isFile())
    .sort();
}

/** Creates a directory with standard permissions, and returns its path. */
export function createDirectory(path: string): string {
  mkdirSync(path, { mode: 0o755, recursive: true });
  return path;
}
