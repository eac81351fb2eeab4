import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The directory in which the Debian package installs xtokend. */
export const DEBIAN_DIRECTORY = '/usr/share/xtokend';

/** Returns the directory that xtokend is installed in: bin/xtokend runs dist/xtokend.cjs. */
export function packageDirectory(): string {
  return join(dirname(process.argv[1] ?? ''), '..');
}

/** Returns the path of an installed page of the documentation. @param name such as `systemd.md` */
export function documentPath(name: string): string {
  return join(packageDirectory(), 'docs', name);
}

/** Returns the path at which other programs can run xtokend: in a directory of `PATH` if there is one, such as /usr/bin/xtokend. */
export function programPath({ PATH: path = '' }: NodeJS.ProcessEnv): string {
  const program = join(packageDirectory(), 'bin/xtokend');
  const found = path.split(':').filter((directory) => directory.startsWith('/'));
  return (
    found.map((directory) => join(directory, 'xtokend')).find((link) => isSame(link, program)) ?? program
  );
}

function isSame(link: string, program: string): boolean {
  try {
    return realpathSync(link) === realpathSync(program);
  } catch {
    return false;
  }
}
