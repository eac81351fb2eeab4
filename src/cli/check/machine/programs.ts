import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { quoted } from '../../../quoted.js';
import { DEBIAN_DIRECTORY } from '../../shared/package-directory.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import { attempt } from './access.js';
import { SERVICE_PATH } from './node.js';

const { warning } = findings('program');

/**
 * Finds other installations of xtokend than that of the Debian package, which a shell or a service would run instead of it, or which
 * are of another version.
 *
 * @param directory where the Debian package installs xtokend
 * @param servicePath the PATH of a service
 */
export function checkPrograms(
  { env }: Pick<Situation, 'env'>,
  directory: string = DEBIAN_DIRECTORY,
  servicePath: string = SERVICE_PATH,
): Finding[] {
  const own = attempt(() => realpathSync(join(directory, 'bin/xtokend')));
  if (own === undefined) return [];
  const installed = findPrograms(`${env['PATH'] ?? ''}:${servicePath}`);
  const at = installed.findIndex(({ file }) => file === own);
  const version = versionOf(own);
  return installed.flatMap(({ path, file }, index) => {
    const isEarlier = at === -1 || index < at;
    if (file === own || (!isEarlier && versionOf(file) === version)) return [];
    const message = `${path} (${versionOf(file)}) is not the xtokend of the Debian package (${version})`;
    const consequence = isEarlier ? ', and is found before it in PATH' : '';
    return [warning('program-shadows', `${message}${consequence}`, removal(path, file))];
  });
}

/** A program in PATH, and the file that it resolves to. */
interface Program {
  readonly path: string;
  readonly file: string;
}

/** Returns each installed xtokend once, in the order of PATH. */
function findPrograms(searched: string): Program[] {
  const found = new Map<string, string>();
  for (const directory of searched.split(':').filter((name) => name.startsWith('/'))) {
    const path = join(directory, 'xtokend');
    const file = attempt(() => realpathSync(path));
    if (file !== undefined && !found.has(file)) found.set(file, path);
  }
  return [...found].map(([file, path]) => ({ path, file }));
}

function versionOf(file: string): string {
  const text = attempt(() => readFileSync(join(dirname(file), '../package.json'), 'utf8'));
  const { version } = (attempt(() => JSON.parse(text ?? '{}') as object) ?? {}) as { version?: unknown };
  return typeof version === 'string' ? version : 'of an unknown version';
}

/** Returns the shell command that removes an installation. */
function removal(path: string, file: string): string {
  const [, prefix] = /^(.*)\/lib\/node_modules\/xtokend\/bin\/xtokend$/.exec(file) ?? [];
  if (prefix === undefined || !existsSync(prefix)) return `rm ${quoted(path)}`;
  return `npm uninstall --global --prefix ${quoted(prefix)} xtokend`;
}
