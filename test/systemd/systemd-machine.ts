import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE } from '../support/run/node.js';
import { installedPackage } from '../support/run/packages.js';
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
  static async boot(): Promise<SystemdMachine> {
    const local = await installedPackage();
    return new SystemdMachine({ path: BOOT, args: () => [local, NODE] }).booted();
  }
}
