import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BootedMachine } from '../support/system/booted-machine.js';

const BOOT = fileURLToPath(new URL('./boot.sh', import.meta.url));

/** A release of Debian. */
export type Codename = 'bookworm' | 'trixie';

/** A machine with a release of Debian, without Node, Prosody and a network (see boot.sh). */
export class DebianMachine extends BootedMachine {
  /** Runs one command instead of systemd, to inspect the machine. */
  static lookAround(codename: Codename, command: readonly string[]): Promise<string> {
    return BootedMachine.runInstead(scriptFor(codename), command);
  }

  /** Boots a machine, and returns when it is running. */
  static boot(codename: Codename): Promise<DebianMachine> {
    return new DebianMachine(scriptFor(codename)).booted();
  }
}

function scriptFor(codename: Codename): { path: string; args: () => string[] } {
  return { path: BOOT, args: () => [rootOf(codename)] };
}

function rootOf(codename: Codename): string {
  return resolve('local/test-roots', codename);
}

export function isMade(codename: Codename): boolean {
  return existsSync(`${rootOf(codename)}.version`);
}
