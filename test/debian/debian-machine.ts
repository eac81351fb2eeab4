import { copyFileSync, existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import { hasProgram, requirePackage, requireTestRoots } from '../support/run/requirements.js';
import { BootedMachine, type RootScript } from '../support/system/booted-machine.js';

const BOOT = fileURLToPath(new URL('./boot.sh', import.meta.url));

/** A release of Debian. */
export type Codename = 'bookworm' | 'trixie';

/** A machine with a release of Debian, without Node, Prosody and a network. apt has both in its cache. See boot.sh. */
export class DebianMachine extends BootedMachine {
  /** Returns whether tests can boot a release. */
  static isPossible(codename: Codename): boolean {
    return BootedMachine.impediment() === undefined && isMade(codename) && hasBuilder();
  }

  /** Skips a test that boots a release if that is not possible. */
  static require(context: TestContext, codename: Codename): void {
    const impediment = BootedMachine.impediment();
    if (impediment !== undefined) context.skip(impediment);
    requireTestRoots(context, isMade(codename));
    requirePackage(context, hasBuilder(), 'debhelper');
  }

  /** Runs one command instead of systemd, to inspect the machine. */
  static lookAround(codename: Codename, command: readonly string[]): Promise<string> {
    return BootedMachine.runInstead(scriptFor(codename), command);
  }

  /** Boots a machine, and returns when it is running. */
  static boot(codename: Codename): Promise<DebianMachine> {
    return new DebianMachine(scriptFor(codename)).booted();
  }

  /** Runs apt-get without blocking this process, and returns its output. @throws if it fails */
  async apt(command: string): Promise<string> {
    const script = `DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes ${command}`;
    const { status, stdout, stderr } = await this.runMeanwhile(script);
    if (status !== 0) throw new Error(`expected success of ${command}, found ${status}:\n${stdout}${stderr}`);
    return stdout + stderr;
  }

  /** Copies a package to the machine and installs it, with other packages. Returns the output of apt-get. */
  installPackage(path: string, ...others: readonly string[]): Promise<string> {
    const inside = `/root/${basename(path)}`;
    copyFileSync(path, this.path(inside));
    return this.apt(`install ${inside} ${others.join(' ')}`);
  }

  /** Adds a host with a certificate to Prosody, sets the one line that the README names, and restarts Prosody. */
  useInProsody(host: string): void {
    this.do(`cd /etc/prosody/certs
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${host} -days 9 \
        -keyout ${host}.key -out ${host}.crt 2>/dev/null
      chgrp prosody ${host}.key; chmod 640 ${host}.key
      echo 'VirtualHost "${host}"' >/etc/prosody/conf.d/${host}.cfg.lua
      sed -i 's/^authentication = "internal_hashed"/authentication = "xtoken"/' /etc/prosody/prosody.cfg.lua
      systemctl restart prosody
      bash -c 'until (: </dev/tcp/127.0.0.1/5222) 2>/dev/null; do sleep 0.1; done'`);
  }

  /** Returns a property of a unit. */
  property(unit: string, name: string): string {
    return this.do(`systemctl show --property ${name} --value ${unit}`).trim();
  }
}

function scriptFor(codename: Codename): RootScript {
  return { path: BOOT, args: () => [rootOf(codename)] };
}

function rootOf(codename: Codename): string {
  return resolve('local/test-roots', codename);
}

function isMade(codename: Codename): boolean {
  return existsSync(`${rootOf(codename)}.version`);
}

function hasBuilder(): boolean {
  return hasProgram('dh') && hasProgram('dpkg-deb');
}
