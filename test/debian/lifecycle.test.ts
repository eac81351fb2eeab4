import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ACCEPTED, EXPIRED, tokenOf } from '../servers/logins.js';
import { countAccepted, logInDuring } from '../support/daemon/requests.js';
import { NativeConnection } from '../support/daemon/native-connection.js';
import { SECRETS } from '../support/keys.js';
import { builtPackage } from '../support/run/packages.js';
import { connect, leave, ping } from '../support/servers/xmpp-login.js';
import { DebianMachine } from './debian-machine.js';
import { difference, filesOf } from './files.js';
import {
  AHEAD,
  check,
  CONFIGURATION,
  failures,
  faultsOfFiles,
  HOST,
  logIn,
  logInTwice,
  SOCKET,
} from './installed.js';
import { upgradeOf } from './packages.js';
import { XmppPort } from './xmpp-port.js';

let machine: DebianMachine;
let port: XmppPort;
let path = '';
let before: string[] = [];

function configuration(): string {
  return readFileSync(machine.path(CONFIGURATION), 'utf8');
}

function pidOf(unit: string): string {
  return machine.property(unit, 'MainPID');
}

function journal(): string {
  return machine.do('journalctl --sync; journalctl --unit xtokend --output cat --no-pager');
}

/** Logs users in to Prosody, one after the other, until an event has finished. Returns their names and tokens. */
async function logInToProsodyDuring(event: Promise<unknown>, name: string): Promise<[string, string][]> {
  const progress = { isOver: false };
  const over = event.finally(() => {
    progress.isOver = true;
  });
  const logins: [string, string][] = [];
  while (!progress.isOver) {
    const user = `${name}${logins.length}`;
    const token = tokenOf(`${user}@${HOST}`, new Date(Date.now() + AHEAD));
    expect([user, await logIn(port, user, token)]).toEqual([user, ACCEPTED]);
    logins.push([user, token]);
  }
  await over;
  return logins;
}

describe('the Debian package on Debian 12, with its Node 18 and Prosody', { timeout: 600_000 }, () => {
  beforeAll(async () => {
    if (!DebianMachine.isPossible('bookworm')) return;
    // Check before systemd boots that it cannot change this machine.
    expect(await DebianMachine.lookAround('bookworm', ['sh', '-c', LOOK_AROUND])).toBe('end\n');
    path = await builtPackage();
    machine = await DebianMachine.boot('bookworm');
    await machine.apt('install --no-install-recommends nodejs prosody');
    port = await XmppPort.open(machine);
  }, 600_000);

  afterAll(async () => {
    (port as XmppPort | undefined)?.close();
    await (machine as DebianMachine | undefined)?.stop();
  });

  beforeEach((context) => {
    DebianMachine.require(context, 'bookworm');
  });

  it('sets everything up, so that users can log in after one line in the configuration of Prosody', async () => {
    before = filesOf(machine);
    await machine.installPackage(path);
    expect(machine.do('node --version')).toMatch(/^v18\./);
    expect(
      machine.do(`id --name --groups xtokend; id --name --groups prosody
      stat --format '%n %U:%G %a' /etc/xtokend ${CONFIGURATION} /var/lib/xtokend /run/xtokend ${SOCKET}`),
    ).toBe(
      `xtokend
prosody xtokend-socket
/etc/xtokend root:root 755
${CONFIGURATION} root:xtokend 640
/var/lib/xtokend xtokend:xtokend 700
/run/xtokend root:root 755
${SOCKET} root:xtokend-socket 660
`,
    );
    expect(
      machine.do(
        'systemctl is-active xtokend.socket xtokend.service; systemctl is-enabled xtokend.socket xtokend.service',
      ),
    ).toBe('active\nactive\nenabled\nenabled\n');
    expect(faultsOfFiles(machine) + failures(machine)).toBe('');
    machine.useInProsody(HOST);
    expect(check(machine)).toEqual([]);
    const results = await logInTwice(machine, port, 'alice');
    expect(results, journal()).toEqual([ACCEPTED, EXPIRED]);
  });

  it('has manual pages and completions where Debian looks for them', () => {
    const files = [
      'man/man1/xtokend.1.gz',
      'man/man5/xtokend.toml.5.gz',
      'man/man5/mod_auth_xtoken.5.gz',
      'bash-completion/completions/xtokend',
      'zsh/vendor-completions/_xtokend',
      'fish/vendor_completions.d/xtokend.fish',
    ];
    for (const file of files) expect(machine.do(`stat --format %a /usr/share/${file}`)).toBe('644\n');
  });

  it('refuses no login during an upgrade, accepts no token twice, and keeps configuration, cache and sessions', async () => {
    // An administrator has edited the file.
    machine.do(`printf '%s' '${SECRETS}' >${CONFIGURATION}; systemctl restart xtokend`);
    const [pid, prosody] = [pidOf('xtokend'), pidOf('prosody')];
    const socketSince = machine.property('xtokend.socket', 'ActiveEnterTimestampMonotonic');
    const token = tokenOf(`open@${HOST}`, new Date(Date.now() + AHEAD));
    const session = await connect({ service: port.service, domain: HOST, username: 'open', password: token });
    // A link whose target is not a file.
    const epoch = machine.path('/var/lib/xtokend/replay-cache.began');
    const began = readlinkSync(epoch);
    const upgrade = upgradeOf(path, '0.2.0');
    const event = machine.installPackage(upgrade).then(async () => {
      await sleep(500);
    });
    const [tally, ...loops] = await Promise.all([
      logInDuring(machine.path(SOCKET), () => event, AHEAD),
      logInToProsodyDuring(event, 'carol'),
      logInToProsodyDuring(event, 'dave'),
    ]);
    const logins = loops.flat();
    process.stderr.write(
      `upgrade of the package: ${tally.yes.length} logins to the socket, ${tally.askedAgain.length} sent again; ${logins.length} to Prosody\n`,
    );
    expect(tally.no).toEqual([]);
    expect(tally.yes.length).toBeGreaterThan(200);
    expect(logins.length).toBeGreaterThan(10);
    const sessionTokens = [['open', token] as const, ...logins].map(
      ([user, used]) => `auth:${user}:${HOST}:${used}`,
    );
    expect(await countAccepted(machine.path(SOCKET), [...tally.yes, ...sessionTokens])).toBe(0);
    const connection = await NativeConnection.open(machine.path(SOCKET));
    expect(await connection.outcomeOf({ user: 'open', password: token })).toBe('replayed');
    connection.close();
    expect(await ping(session)).toBeGreaterThan(0);
    await leave(session);
    expect(pidOf('xtokend')).not.toBe(pid);
    expect(pidOf('prosody')).toBe(prosody);
    expect(machine.property('xtokend.socket', 'ActiveEnterTimestampMonotonic')).toBe(socketSince);
    expect(journal()).toContain('started version="0.2.0"');
    expect(configuration()).toBe(SECRETS);
    expect(readlinkSync(epoch)).toBe(began);
    expect(faultsOfFiles(machine) + failures(machine)).toBe('');
  });

  it('completes an upgrade with an invalid configuration, and starts when that is corrected', async () => {
    machine.do(`echo nonsense >>${CONFIGURATION}`);
    await machine.installPackage(upgradeOf(path, '0.3.0'));
    expect(
      machine.do('dpkg --audit; dpkg-query --show --showformat "\\${Version} \\${Status}" xtokend'),
    ).toBe('0.3.0 install ok installed');
    machine.do(`printf '%s' '${SECRETS}' >${CONFIGURATION}`);
    await expect.poll(() => machine.property('xtokend', 'ActiveState')).toBe('active');
    expect(await logIn(port, 'erin', tokenOf(`erin@${HOST}`, new Date(Date.now() + AHEAD)))).toEqual(
      ACCEPTED,
    );
  });

  it('keeps configuration and replay cache after its removal, for the next installation', async () => {
    const request = `auth:frank:${HOST}:${tokenOf(`frank@${HOST}`, new Date(Date.now() + AHEAD))}`;
    expect(await countAccepted(machine.path(SOCKET), [request, request])).toBe(1);
    await machine.apt('remove xtokend');
    expect(configuration()).toBe(SECRETS);
    expect(machine.do('ls /var/lib/xtokend')).toBe('replay-cache\nreplay-cache.began\n');
    expect(machine.run('ls -d /run/xtokend/* /usr/bin/xtokend /usr/share/xtokend').stdout).toBe('');
    expect(
      machine.do("systemctl list-units --state=active,activating,failed --no-legend 'xtokend*'") +
        failures(machine),
    ).toBe('');
    await machine.installPackage(path);
    expect(configuration()).toBe(SECRETS);
    expect(await countAccepted(machine.path(SOCKET), [request])).toBe(0);
    expect(check(machine)).toEqual([]);
  });

  it('leaves nothing behind after a purge, and makes new secrets after that', async () => {
    const prosody = difference(before, filesOf(machine)).filter((entry) => entry.includes(' /etc/prosody/'));
    await machine.apt('purge xtokend');
    expect(difference(before, filesOf(machine)).filter((entry) => !prosody.includes(entry))).toEqual([]);
    expect(
      machine.do(
        "systemctl list-unit-files --no-legend 'xtokend*' || true; systemctl list-units --state=active,activating,failed --no-legend 'xtokend*'",
      ) + failures(machine),
    ).toBe('');
    await machine.installPackage(path);
    expect(configuration()).not.toBe(SECRETS);
    expect(existsSync(machine.path('/var/lib/xtokend'))).toBe(true);
    machine.do('systemctl restart prosody');
    expect(check(machine)).toEqual([]);
  });
});

/** Prints directories that it must not be able to write to, and unexpected mounts. */
const LOOK_AROUND = `
  for directory in /sys /proc/sys/kernel /sys/fs; do
    if touch $directory/xtokend 2>/dev/null; then echo $directory; fi
  done
  grep -v -e ' / / .* overlay xtokend-debian ' -e ' - tmpfs xtokend-' -e ' ro,' -e ' - devtmpfs ' -e ' /proc ' -e ' - devpts ' -e ' - cgroup2 ' /proc/self/mountinfo
  echo end`;
