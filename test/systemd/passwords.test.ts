import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SECRETS } from '../support/keys.js';
import { ServiceMachine } from './service-machine.js';
import { SystemdMachine, TIMEOUT_MILLISECONDS } from './systemd-machine.js';

const SOCKET = '/run/xtokend/xtokend.sock';
const TOKEN = 'bearer-token-of-this-test';
const HTTP = `${SECRETS}[passwords]\nurl = "http://127.0.0.1:8080/auth"\ntoken_file = "http-token"\n`;
const COMMAND = `${SECRETS}[passwords]\ncommand = ["/usr/local/bin/check-password"]\n`;
const impediment = SystemdMachine.impediment();

/** Accepts the password "right". */
const APPLICATION = `
require('http').createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk)).on('end', () => {
    if (request.headers.authorization !== 'Bearer ${TOKEN}') return response.writeHead(401).end();
    response.end(JSON.stringify({ accepted: JSON.parse(body).password === 'right' }));
  });
}).listen(8080, '127.0.0.1');`;

/** Needs a log file of its own, and the network. */
const PROGRAM = `#!/usr/bin/perl
use IO::Socket::INET;
$| = 1;
open(my $log, '>>', '/var/log/xtokend/check-password.log') or die "cannot write the log: $!\n";
while (my $line = <STDIN>) {
  IO::Socket::INET->new(PeerAddr => '127.0.0.1:8080', Timeout => 2) or die "cannot connect: $@\n";
  print $log "asked\n";
  print $line =~ /:right$/ ? "1\n" : "0\n";
}`;

let service: ServiceMachine;

/** Logs in with a password, and returns the answer. */
async function logIn(password: string): Promise<string> {
  const socket = connect(service.machine.path(SOCKET));
  socket.write(`auth:alice:example.com:${password}\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return String(answer);
}

const title = `password back ends of a service (${impediment ?? 'in namespaces'})`;

describe.skipIf(impediment !== undefined)(title, { timeout: TIMEOUT_MILLISECONDS }, () => {
  beforeAll(async () => {
    service = await ServiceMachine.boot(SECRETS);
    service.machine.do(`ip link set lo up
      cat >/srv/application.js <<'END'
${APPLICATION}
END
      cat >/usr/local/bin/check-password <<'END'
${PROGRAM}
END
      chmod 755 /usr/local/bin/check-password
      echo ${TOKEN} >/etc/xtokend/http-token
      chown root:xtokend /etc/xtokend/http-token; chmod 640 /etc/xtokend/http-token
      printf '[Service]\\nExecStart=node /srv/application.js\\n' >/etc/systemd/system/application.service
      systemctl daemon-reload
      systemctl start application`);
  }, TIMEOUT_MILLISECONDS);

  afterAll(async () => {
    await (service as ServiceMachine | undefined)?.machine.stop();
  });

  afterEach(() => {
    service.reset(SECRETS);
  }, TIMEOUT_MILLISECONDS);

  it('asks an application only with the drop-in passwords-http.conf', async () => {
    service.configure(HTTP);
    service.restart();
    expect(await logIn('right')).toBe('0\n');
    expect(service.check().bad).toEqual([
      expect.stringMatching(
        /^problem passwords-http-failed: as xtokend\.service \(user xtokend\): .*; install the drop-in passwords-http\.conf/,
      ),
    ]);
    service.install('passwords-http.conf');
    service.restart();
    const { bad, of } = service.check();
    expect(bad).toEqual([]);
    expect(of('passwords-http-ok')).toHaveLength(1);
    expect(await logIn('right')).toBe('1\n');
    expect(await logIn('wrong')).toBe('0\n');
  });

  it('asks an application on this machine if its drop-in allows localhost only', async () => {
    service.configure(HTTP);
    service.install('passwords-http.conf');
    service.dropIn('z-localhost', 'IPAddressDeny=any\nIPAddressAllow=localhost');
    service.restart();
    expect(service.check().bad).toEqual([]);
    expect(await logIn('right')).toBe('1\n');
  });

  it('runs a program that needs the network and a log only with the drop-in passwords-command.conf', async () => {
    service.configure(COMMAND);
    service.restart();
    expect(await logIn('right')).toBe('0\n');
    const forbidden = service.check();
    expect(forbidden.bad).toEqual([
      expect.stringMatching(
        /^problem passwords-command-failed: .*its stderr: "cannot write the log: .*; .*install the drop-in passwords-command\.conf/,
      ),
    ]);
    expect(forbidden.of('passwords-command-network')).toHaveLength(1);
    // The log alone is not enough.
    service.dropIn('log', 'LogsDirectory=xtokend');
    expect(service.check().bad).toEqual([expect.stringContaining('its stderr: "cannot connect: ')]);
    service.install('passwords-command.conf');
    service.restart();
    const { bad, of } = service.check();
    expect(bad).toEqual([]);
    expect(of('passwords-command-ok')).toHaveLength(1);
    expect(of('passwords-command-network')).toEqual([]);
    expect(await logIn('right')).toBe('1\n');
    expect(await logIn('wrong')).toBe('0\n');
    expect(service.machine.do('cat /var/log/xtokend/check-password.log')).toContain('asked\n');
  });

  it('reports a program that other users can write to, or that the unit hides', () => {
    service.configure(COMMAND.replace('/usr/local/bin', '/home'));
    service.machine.do(
      'printf "#!/bin/sh\\nwhile read -r line; do echo 0; done\\n" >/home/check-password; chmod 757 /home/check-password',
    );
    expect(service.check().bad).toEqual([
      expect.stringContaining('problem passwords-command-writable: '),
      expect.stringMatching(
        /^problem passwords-command-not-executable: as xtokend\.service .*its unit hides it .*; move the program to \/usr\/local\/bin/,
      ),
    ]);
    service.machine.do('rm /home/check-password');
    service.configure(COMMAND);
    service.machine.do('chmod 700 /usr/local/bin/check-password');
    const { of, fix } = service.check();
    expect(of('passwords-command-not-executable').join()).toContain(
      'user xtokend may not run /usr/local/bin/check-password (root:root, mode 0700); chmod a+x ',
    );
    service.machine.do(fix('passwords-command-not-executable'));
    expect(service.check().of('passwords-command-not-executable')).toEqual([]);
    service.machine.do('chmod 755 /usr/local/bin/check-password');
  });

  it('reports app passwords that the service may not read, or that the unit hides, with a fix that works', () => {
    const file = '/etc/xtokend/app-passwords';
    service.machine.do(`: >${file}; chown root:root ${file}; chmod 600 ${file}; : >/home/app-passwords`);
    service.configure(`${SECRETS}[passwords]\nstore = "file:app-passwords"\n`);
    const { bad, fix } = service.check();
    expect(bad).toEqual([
      expect.stringContaining('problem passwords-store-unreadable: as xtokend.service (user xtokend): '),
      `problem service-unreadable: user xtokend may not read ${file} (root:root, mode 0600); chown root:xtokend ${file} && chmod 640 ${file}`,
    ]);
    service.machine.do(fix('service-unreadable'));
    expect(service.check().bad).toEqual([]);
    service.configure(`${SECRETS}[passwords]\nstore = "file:/home/app-passwords"\n`);
    service.machine.do(
      'chmod 644 /home/app-passwords; chown root:xtokend /home/app-passwords; chmod 640 /home/app-passwords',
    );
    expect(service.check().of('passwords-store-unreadable').join()).toContain('its unit hides it');
  });
});
