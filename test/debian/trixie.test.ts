import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ACCEPTED, EXPIRED } from '../servers/logins.js';
import { builtPackage } from '../support/run/packages.js';
import { DebianMachine } from './debian-machine.js';
import { check, CONFIGURATION, failures, faultsOfFiles, HOST, logInTwice, SOCKET } from './installed.js';
import { XmppPort } from './xmpp-port.js';

let machine: DebianMachine;
let port: XmppPort | undefined;
let path = '';

const connecting = `exec perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new("${SOCKET}") or die $!'`;

describe(
  'the Debian package on Debian 13, with its Node 20, and Prosody 13 installed later',
  { timeout: 600_000 },
  () => {
    beforeAll(async () => {
      if (!DebianMachine.isPossible('trixie')) return;
      path = await builtPackage();
      machine = await DebianMachine.boot('trixie');
      await machine.installPackage(path);
    }, 600_000);

    afterAll(async () => {
      port?.close();
      await (machine as DebianMachine | undefined)?.stop();
    });

    beforeEach((context) => {
      DebianMachine.require(context, 'trixie');
    });

    it('works without a chat server', () => {
      expect(machine.do('node --version')).toMatch(/^v20\./);
      expect(machine.do('systemctl is-active xtokend.socket xtokend.service')).toBe('active\nactive\n');
      expect(faultsOfFiles(machine) + failures(machine)).toBe('');
      expect(machine.run(connecting, 'daemon').stderr).toContain('Permission denied');
    });

    it('lets Prosody connect that is installed later', async () => {
      await machine.apt('install prosody');
      expect(machine.run(connecting, 'prosody')).toMatchObject({ status: 0 });
      machine.useInProsody(HOST);
      expect(check(machine)).toEqual([]);
      port = await XmppPort.open(machine);
      expect(await logInTwice(machine, port, 'alice')).toEqual([ACCEPTED, EXPIRED]);
    });

    it("doesn't give access again that the administrator took away", () => {
      machine.do(
        'gpasswd --delete prosody xtokend-socket; dpkg-trigger --by-package=prosody /usr/bin/prosody; dpkg --triggers-only xtokend',
      );
      expect(machine.do('id --name --groups prosody')).toBe('prosody\n');
    });

    it('lets root revoke users and add app passwords, which then belong to the owners of the directories', () => {
      machine.do(`xtokend revoke alice@${HOST}
        install -d -o daemon -g daemon /srv/passwords
        (umask 077; { cat ${CONFIGURATION}; printf '[passwords]\\nstore = "file:/srv/passwords/file"\\n'; } >/root/xtokend.toml)
        xtokend passwd --config /root/xtokend.toml bob@${HOST} --label phone`);
      expect(machine.do(`stat --format '%U %a' /var/lib/xtokend/revocations /srv/passwords/file`)).toBe(
        'xtokend 600\ndaemon 600\n',
      );
    });

    it('leaves nothing behind after a purge', async () => {
      await machine.apt('purge xtokend');
      const found =
        "find / -xdev -not -path '/proc/*' -not -path '/root/*' -name '*xtoken*'; find /run -name '*xtoken*'";
      expect(
        machine.do(`${found}; grep -r xtoken /etc/passwd /etc/group /etc/shadow /etc/gshadow || true`),
      ).toBe('');
      expect(machine.do("systemctl list-unit-files --no-legend 'xtokend*' || true") + failures(machine)).toBe(
        '',
      );
    });
  },
);
