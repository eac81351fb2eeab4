import { join } from 'node:path';
import { quoted } from '../../quoted.js';
import { DEBIAN_DIRECTORY, packageDirectory } from './package-directory.js';

/** Returns the shell command that creates the account and the groups of this installation. */
export function createAccounts(): string {
  const directory = packageDirectory();
  const isDebian = directory === DEBIAN_DIRECTORY;
  const file = isDebian ? '/usr/lib/sysusers.d/xtokend.conf' : join(directory, 'systemd/sysusers.conf');
  return `systemd-sysusers ${quoted(file)}`;
}
