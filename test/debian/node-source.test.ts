import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ACCEPTED, EXPIRED } from '../servers/logins.js';
import { builtPackage } from '../support/run/packages.js';
import { DebianMachine } from './debian-machine.js';
import { check, failures, HOST, logInTwice } from './installed.js';
import { hasNodeSource, nodeSourcePackage } from './packages.js';
import { XmppPort } from './xmpp-port.js';

let machine: DebianMachine;
let port: XmppPort;
let path = '';

describe("the Debian package with NodeSource's Node, on Debian 12", { timeout: 600_000 }, () => {
  beforeAll(async () => {
    if (!DebianMachine.isPossible('bookworm') || !hasNodeSource()) return;
    path = await builtPackage();
    machine = await DebianMachine.boot('bookworm');
    // In one command, as an administrator does.
    await machine.installPackage(path, 'prosody');
    machine.useInProsody(HOST);
    port = await XmppPort.open(machine);
  }, 600_000);

  afterAll(async () => {
    (port as XmppPort | undefined)?.close();
    await (machine as DebianMachine | undefined)?.stop();
  });

  beforeEach((context) => {
    DebianMachine.require(context, 'bookworm');
    if (!hasNodeSource()) context.skip("the Node of this machine is not NodeSource's");
  });

  it('runs on it after a restart of the service', async () => {
    expect(check(machine)).toEqual([]);
    const before = machine.do('node --version');
    await machine.installPackage(nodeSourcePackage(path), '--no-install-recommends');
    expect(machine.do('node --version')).not.toBe(before);
    machine.do('systemctl restart xtokend');
    expect(machine.do('xtokend --version; dpkg --audit')).not.toContain('nodejs');
    expect(check(machine)).toEqual([]);
    expect(failures(machine)).toBe('');
    expect(await logInTwice(machine, port, 'alice')).toEqual([ACCEPTED, EXPIRED]);
  });
});
