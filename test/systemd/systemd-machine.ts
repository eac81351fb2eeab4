import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE } from '../support/run/node.js';
import { BootedMachine } from '../support/system/booted-machine.js';

export { TIMEOUT_MILLISECONDS, type Said } from '../support/system/booted-machine.js';

const BOOT = fileURLToPath(new URL('./boot.sh', import.meta.url));

/** A machine with /usr of the real one, on which npm has installed xtokend (see boot.sh). */
export class SystemdMachine extends BootedMachine {
  /** Runs one command instead of systemd, to inspect the machine. xtokend is not installed on it. */
  static lookAround(command: readonly string[]): Promise<string> {
    const args = (directory: string): string[] => {
      mkdirSync(join(directory, 'local/bin'), { recursive: true });
      return [join(directory, 'local'), NODE];
    };
    return BootedMachine.runInstead({ path: BOOT, args }, command);
  }

  /** Boots a machine, and returns when it is running. */
  static boot(): Promise<SystemdMachine> {
    const args = (directory: string): string[] => [installPackage(directory), NODE];
    return new SystemdMachine({ path: BOOT, args }).booted();
  }
}

/** Installs the package in a directory as npm would in /usr/local, and returns that directory. */
function installPackage(directory: string): string {
  const local = join(directory, 'local');
  const quiet = ['--silent', '--offline', '--no-audit', '--no-fund'];
  const npm = (...args: string[]): string => spawnSync('npm', args, { encoding: 'utf8' }).stdout.trim();
  const tarball = npm('pack', '--ignore-scripts', '--silent', '--pack-destination', directory);
  npm('install', '--global', ...quiet, '--prefix', local, resolve(directory, tarball));
  return local;
}
