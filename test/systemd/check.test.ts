import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DYNAMIC, FILE, ServiceMachine } from './service-machine.js';
import { OTHER_SECRET, OTHER_SEED, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { SystemdMachine, TIMEOUT_MILLISECONDS } from './systemd-machine.js';

/** The path leads to this socket again, even if the other process has it. */
const RESTART = 'systemctl restart xtokend.socket xtokend.service';
const SOCKET = '/run/xtokend/xtokend.sock';
const KEY_FILES = 'otp_seed_file = "otp_seed"\ntoken_secret_file = "token_secret"\n';
const NEW_KEY_FILES = 'otp_seed_file = "new_seed"\ntoken_secret_file = "new_secret"\n';
const impediment = SystemdMachine.impediment();

let service: ServiceMachine;

/** Runs a shell script on the machine. */
function run(script: string): string {
  return service.machine.do(script);
}

const title = `xtokend check, of a service (${impediment ?? 'in namespaces'})`;

describe.skipIf(impediment !== undefined)(title, { timeout: TIMEOUT_MILLISECONDS }, () => {
  beforeAll(async () => {
    service = await ServiceMachine.boot(SECRETS);
  }, TIMEOUT_MILLISECONDS);

  afterAll(async () => {
    await (service as ServiceMachine | undefined)?.machine.stop();
  });

  afterEach(() => {
    service.reset(SECRETS);
  }, TIMEOUT_MILLISECONDS);

  it('reports nothing about a valid service, and leaves nothing behind', () => {
    const { bad, of } = service.check();
    // That takes the runtime directory of the service.
    run('systemctl reload xtokend');
    expect(bad).toEqual([]);
    expect(of('service-ok')).toEqual([
      expect.stringContaining('xtokend.service, which runs as user xtokend'),
    ]);
    expect(of('replay-ok')).toEqual([expect.stringContaining('tried in /var/lib/xtokend')]);
    expect(of('socket-ok')).toEqual([
      `ok socket-ok: user prosody may connect, and xtokend answers on ${SOCKET}; `,
    ]);
    expect(
      run("systemctl list-units --all --no-legend 'xtokend-check*'; find /run -name 'xtokend-check*'"),
    ).toBe('');
  });

  it.each([
    [
      'its configuration',
      `chown root:root ${FILE}; chmod 600 ${FILE}`,
      `read ${FILE} (root:root, mode 0600); chown root:xtokend ${FILE} && chmod 640 ${FILE}`,
    ],
    [
      'the directory of its configuration',
      'chmod 700 /etc/xtokend',
      'pass through /etc/xtokend (root:root, mode 0700); chmod o+x /etc/xtokend',
    ],
  ])('reports that it may not read %s, with a fix that works', (_, spoil, obstacle) => {
    run(spoil);
    // It still runs, with what it has read.
    const early = service.check();
    expect(early.bad).toEqual([
      expect.stringContaining('problem configuration-unreadable: as xtokend.service (user xtokend): '),
      `problem service-unreadable: user xtokend may not ${obstacle}`,
    ]);
    expect(early.of('replay-ok')).toEqual([]);
    expect(service.machine.run('systemctl restart xtokend').status).not.toBe(0);
    const late = service.check();
    expect(late.of('service-failing')).toEqual([expect.stringContaining('problem service-failing: ')]);
    expect(late.of('socket-ok')).toEqual([]);
    run(late.fix('service-unreadable'));
    service.restart();
    expect(service.check().bad).toEqual([]);
  });

  it('names a fix for secrets that every user can read, with which the service still runs', () => {
    run(`chown root:root ${FILE}; chmod 644 ${FILE}`);
    const { bad, fix } = service.check();
    expect(bad).toEqual([
      `warning file-world-readable: every user of this machine can read the secrets in ${FILE}; chown root:xtokend ${FILE} && chmod 640 ${FILE}`,
    ]);
    run(fix('file-world-readable'));
    service.restart();
    expect(service.check().bad).toEqual([]);
  });

  it('reports a list of users that only root may read, and one that the unit hides', () => {
    service.configure(`users = "file:/etc/xtokend/users"\n${SECRETS}`);
    run('echo alice >/etc/xtokend/users; chmod 600 /etc/xtokend/users');
    const { bad, fix } = service.check();
    expect(bad).toEqual([
      expect.stringContaining('problem list-unreadable: as xtokend.service (user xtokend): '),
      expect.stringContaining('may not read /etc/xtokend/users (root:root, mode 0600); chmod o+r '),
    ]);
    run(fix('service-unreadable'));
    expect(service.check().bad).toEqual([]);
    service.configure(`users = "file:/etc/xtokend/none"\n${SECRETS}`);
    expect(service.check().bad).toEqual([expect.stringContaining('there is no such file')]);
    run('echo alice >/home/users');
    service.configure(`users = "file:/home/users"\n${SECRETS}`);
    expect(service.check().bad).toEqual([
      expect.stringContaining('problem list-unreadable: '),
      expect.stringMatching(/^problem service-unreadable: .*ProtectHome=/),
    ]);
  });

  it('reports a replay cache that the service may not write to', () => {
    service.configure(`${SECRETS}[replay]\npath = "/srv/xtokend"\n`);
    const { bad, of } = service.check();
    expect(bad).toEqual([
      expect.stringMatching(
        /^problem replay-unavailable: as xtokend\.service .*leave replay\.path out: .*ReadWritePaths=\/srv\/xtokend/s,
      ),
    ]);
    expect(of('replay-ok')).toEqual([]);
    // Its mode alone doesn't help: the unit makes it read-only.
    run('install -d -o xtokend -m 700 /srv/xtokend');
    expect(service.check().of('replay-unavailable')).toHaveLength(1);
    service.dropIn('z-path', 'ReadWritePaths=/srv/xtokend');
    service.restart();
    expect(service.check().bad).toEqual([]);
  });

  it('reports that metrics over TCP need a drop-in, and whether they are served', () => {
    service.configure(`${SECRETS}[metrics]\nlisten = "127.0.0.1:9477"\n`);
    service.restart();
    run('ip link set lo up');
    const shut = service.check();
    expect(shut.bad).toEqual([
      expect.stringMatching(/^warning metrics-unavailable: .*; .*metrics-tcp\.conf/),
    ]);
    expect(shut.of('metrics-ok')).toEqual([]);
    // A network of its own, in which it may listen, but nobody else is.
    service.dropIn('z-families', 'RestrictAddressFamilies=AF_UNIX AF_INET\nIPAddressAllow=localhost');
    expect(service.check().of('metrics-unavailable')).toHaveLength(1);
    service.install('metrics-tcp.conf');
    // It still runs without the drop-in.
    expect(service.check().of('metrics-not-served')).toEqual([
      expect.stringMatching(/^warning metrics-not-served: .* 127\.0\.0\.1:9477; /),
    ]);
    service.restart();
    const { bad, of } = service.check();
    expect(bad).toEqual([]);
    expect(of('metrics-ok')).toEqual(['ok metrics-ok: xtokend serves metrics at 127.0.0.1:9477; ']);
  });

  it('reports key files that the service does not get, and those that have changed since it started', () => {
    run(`cd /etc/xtokend; umask 077; echo ${OTP_SEED} >otp_seed; echo ${TOKEN_SECRET} >token_secret
      echo ${OTHER_SEED} >new_seed; echo ${OTHER_SECRET} >new_secret`);
    service.dropIn('user', DYNAMIC);
    service.configure(KEY_FILES);
    run(`chmod 644 ${FILE}`);
    service.restart();
    // The configuration holds no secret, and everybody may read it.
    expect(service.check().bad).toEqual([]);
    run('systemctl reload xtokend');
    service.configure(`[[keys]]\nid = "old"\n${KEY_FILES}[[keys]]\nid = "new"\n${NEW_KEY_FILES}`);
    run(`chmod 644 ${FILE}`);
    const fix = (name: string): string => `LoadCredential=${name}:/etc/xtokend/${name}`;
    const missing = (name: string): string =>
      `problem service-unreadable: user other may not read /etc/xtokend/${name} (root:root, mode 0600); ${fix(name)} below [Service] by systemctl edit xtokend, then systemctl restart xtokend`;
    expect(service.check().bad).toEqual([
      expect.stringContaining(
        'keys.1.otp_seed_file: the file of that name in /run/credentials/xtokend.service ',
      ),
      expect.stringContaining('keys.1.token_secret_file: '),
      missing('new_seed'),
      missing('new_secret'),
    ]);
    service.dropIn('z-keys', `${fix('new_seed')}\n${fix('new_secret')}`);
    expect(service.check().bad).toEqual([
      expect.stringMatching(
        /^warning service-credential-old: .*\/etc\/xtokend\/new_seed.*; systemctl restart xtokend/,
      ),
      expect.stringContaining('/etc/xtokend/new_secret'),
    ]);
    service.restart();
    expect(service.check().bad).toEqual([]);
  });

  it('reports why systemd cannot start it', () => {
    service.dropIn('z-none', 'LoadCredential=none:/etc/xtokend/none');
    expect(service.check().bad).toEqual([
      expect.stringMatching(
        /^problem service-unstartable: .*a file that LoadCredential= names is missing \(243\/CREDENTIALS\)/,
      ),
    ]);
    service.dropIn('z-none', 'LoadCredential=');
    expect(service.check().bad).toEqual([]);
  });

  it('reports that it does not run', () => {
    run('systemctl stop xtokend.socket xtokend.service');
    const { bad, of } = service.check();
    expect(bad).toEqual([expect.stringContaining('warning service-inactive: ')]);
    expect(of('socket-none')).toHaveLength(1);
    run('systemctl start xtokend.socket xtokend.service');
    expect(service.check().bad).toEqual([]);
  });

  it('reports an older daemon that listened at the path of the socket before', () => {
    run(`systemctl stop xtokend.socket xtokend.service
      xtokend serve --listen unix:${SOCKET} </dev/null >/dev/null 2>&1 & echo $! >/run/older
      while ! [ -e ${SOCKET} ]; do sleep 0.05; done
      kill -STOP $(cat /run/older)
      systemctl start xtokend.socket xtokend.service`);
    const pid = run('cat /run/older').trim();
    const { bad, fix } = service.check();
    expect(bad).toEqual([
      `problem socket-shared: more than one process listens at ${SOCKET}: a chat server that connected earlier still asks process ${pid} (xtokend, stopped); kill -KILL ${pid}; ${RESTART}`,
    ]);
    const asked = run('xtokend check --request isuser:alice:example.com');
    expect(asked).toMatch(/^accepted/);
    expect(asked).toContain(`still asks process ${pid} (xtokend, stopped): kill -KILL ${pid}; ${RESTART}.`);
    run(fix('socket-shared'));
    expect(service.check().bad).toEqual([]);
    expect(run('xtokend check --request isuser:alice:example.com')).not.toContain('asks process');
  });
});
