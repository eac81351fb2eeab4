import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageDirectory } from './shared/package-directory.js';
import { UsageError } from './shared/usage-error.js';

/**
 * Shows a manual page with man(1).
 *
 * @param page the name of its file, such as `xtokend.toml.5`
 * @returns the exit code
 * @throws {@link UsageError} if man(1) can't show it
 */
export function showManual(page: string): number {
  const file = join(packageDirectory(), 'man', page);
  const [, name = '', section = ''] = /^(.+)\.(\d)$/.exec(page) ?? [];
  // Debian's package has the pages in the directory of all manual pages instead.
  const isHere = existsSync(file);
  // Ctrl-C is for the pager. Otherwise it would end only this process, and the pager would lose the terminal.
  process.on('SIGINT', () => undefined);
  const { status } = spawnSync('man', isHere ? ['-l', file] : [section, name], { stdio: 'inherit' });
  if (status === 0) return 0;
  throw new UsageError(
    `expected the program "man" to show ${isHere ? file : `${name}(${section})`}. Install it (on Debian: apt install man-db)` +
      (isHere ? ', or read this file' : ''),
  );
}
