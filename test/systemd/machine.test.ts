import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TIME_STEP_MILLISECONDS } from '../../src/credential/otp.js';
import { logInDuring, countAccepted, login as loginBy } from '../support/daemon/requests.js';
import { codeIn, replaced } from '../support/documents.js';
import { SECRETS } from '../support/keys.js';
import { hasRedis } from '../support/servers/redis.js';
import { requirePackage } from '../support/run/requirements.js';
import { SystemdMachine, TIMEOUT_MILLISECONDS } from './systemd-machine.js';

const PAGE = 'docs/systemd.md';
const MODULES = '/usr/local/lib/node_modules';
const SOCKET = '/run/xtokend/xtokend.sock';
const impediment = SystemdMachine.impediment();

/** A token of the next time step; on a machine that has just started, it is accepted earlier than one of this time step. */
const AHEAD = TIME_STEP_MILLISECONDS;
const login = (user: string): string => loginBy(user, AHEAD);
/** Returns a login with a token that is older than a service that has just started. */
const oldLogin = (user: string): string => loginBy(user, -TIME_STEP_MILLISECONDS);

let machine: SystemdMachine;

async function ask(request: string, path = SOCKET): Promise<string> {
  const socket = connect(machine.path(path));
  socket.write(request);
  const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer];
  socket.destroy();
  return String(answer);
}

function install(unit: string, name: string): void {
  machine.do(`install -D -m 644 ${MODULES}/xtokend/systemd/drop-ins/${name} -t /etc/systemd/system/${unit}.d
    systemctl daemon-reload
    systemctl restart ${unit}`);
}

function remove(unit: string, name: string): void {
  machine.do(`rm /etc/systemd/system/${unit}.d/${name}; systemctl daemon-reload; systemctl restart ${unit}`);
}

function property(name: string): string {
  return machine.do(`systemctl show --property ${name} --value xtokend`).trim();
}

function journal(): string {
  return machine.do('journalctl --sync; journalctl --unit xtokend --output cat --no-pager --lines 50');
}

describe('a machine with systemd', { timeout: TIMEOUT_MILLISECONDS }, () => {
  beforeAll(async () => {
    if (impediment !== undefined) return;
    // Check before systemd boots that it cannot change this machine.
    expect(await SystemdMachine.lookAround(['sh', '-c', LOOK_AROUND])).toBe('end\n');
    machine = await SystemdMachine.boot();
    machine.do(replaced(codeIn(PAGE, 'sh'), '$(npm root --global)', MODULES));
    // Replace the generated secrets by those of the tests.
    machine.do(`cat >/etc/xtokend/xtokend.toml <<'END'\n${SECRETS}\nEND
      systemctl restart xtokend`);
  }, TIMEOUT_MILLISECONDS);

  afterAll(async () => {
    await (machine as SystemdMachine | undefined)?.stop();
  });

  beforeEach((context) => {
    if (impediment !== undefined) context.skip(impediment);
    machine.do('systemctl reset-failed');
  });

  it("runs the service after the commands of the page, for members of the socket's group", async () => {
    expect(property('ActiveState')).toBe('active');
    expect(property('StatusText')).toBe('Answering on a socket');
    expect(machine.do(`stat --format '%U %G %a' ${SOCKET}`)).toBe('root xtokend-socket 660\n');
    expect(await ask('isuser:a:b\n')).toBe('1\n');
    const connecting = `exec perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new("${SOCKET}") or die $!'`;
    expect(machine.run(connecting, 'prosody').status).toBe(0);
    expect(machine.run(connecting, 'nobody').stderr).toContain('Permission denied');
    // The group of the socket can't read the secrets.
    expect(machine.run('cat /etc/xtokend/xtokend.toml', 'prosody').stderr).toContain('Permission denied');
    expect(JSON.parse(machine.do('xtokend check --json'))).toMatchObject({ fit: true });
  });

  it('verifies the units, and reports the exposure level that the page names', () => {
    const verified = machine.run('systemd-analyze verify --man=no xtokend.service xtokend.socket');
    expect(verified).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(machine.do('systemd-analyze security --no-pager xtokend')).toContain('xtokend.service: 0.6 SAFE');
  });

  it('sandboxes the service, which accepts a token once, even after a restart', async () => {
    const status = machine.do(`cat /proc/${property('MainPID')}/status`);
    expect(status).toMatch(/NoNewPrivs:\t1\nSeccomp:\t2\n/);
    expect(status).toMatch(/CapBnd:\t0+\n/);
    expect(status).toContain(`Uid:\t${machine.do('id --user xtokend').trim()}\t`);
    await machine.acceptsTokensAhead();
    const request = `${login('alice')}\n`;
    expect(await ask(request)).toBe('1\n');
    expect(await ask(request)).toBe('0\n');
    machine.do('systemctl restart xtokend');
    expect(await ask(request)).toBe('0\n');
    expect(machine.do('ls /var/lib/xtokend')).toBe('replay-cache\nreplay-cache.began\n');
    expect(statSync(machine.path('/var/lib/xtokend')).mode & 0o777).toBe(0o700);
    expect(machine.run('ls /var/lib/xtokend/replay-cache', 'prosody').status).not.toBe(0);
  });

  it('loses no request during 20 restarts under load, and accepts no token twice', async () => {
    const path = machine.path(SOCKET);
    const tally = await logInDuring(
      path,
      async () => {
        for (let restart = 0; restart < 20; restart += 1) {
          await sleep(100);
          machine.do('systemctl --no-block restart xtokend');
          await sleep(50);
          await expect.poll(() => property('ActiveState')).toBe('active');
        }
        await sleep(300);
      },
      AHEAD,
    );
    process.stderr.write(
      `20 restarts by systemctl: ${tally.yes.length} logins, ${tally.askedAgain.length} sent again\n`,
    );
    expect(tally.no).toEqual([]);
    expect(tally.yes.length).toBeGreaterThan(200);
    expect(await countAccepted(path, tally.yes)).toBe(0);
    expect(property('Result')).toBe('success');
  });

  it('applies a changed configuration on systemctl reload, in the same process', async () => {
    const pid = property('MainPID');
    machine.do(`cp /etc/xtokend/xtokend.toml /root/before.toml
      printf '[hosts."example.org"]\\n' >>/etc/xtokend/xtokend.toml
      systemctl reload xtokend`);
    expect(await ask(`${login('frank')}\n`)).toBe('0\n');
    await expect.poll(journal).toContain('reason="unknown-host"');
    machine.do('cp /root/before.toml /etc/xtokend/xtokend.toml; systemctl reload xtokend');
    expect(await ask(`${login('frank')}\n`)).toBe('1\n');
    expect(property('MainPID')).toBe(pid);
  });

  it('fails systemctl reload if the configuration is invalid, and keeps the previous one', async () => {
    machine.do('echo nonsense >>/etc/xtokend/xtokend.toml');
    expect(machine.run('systemctl reload xtokend').status).not.toBe(0);
    await expect.poll(() => property('ActiveState')).toBe('active');
    await expect.poll(journal).toContain('configuration reload failed, keeping the previous one');
    expect(await ask(`${login('grace')}\n`)).toBe('1\n');
    machine.do('cp /root/before.toml /etc/xtokend/xtokend.toml; systemctl reload xtokend');
  });

  it('starts a stopped service when a client connects, and answers it', async () => {
    machine.do('systemctl stop xtokend');
    expect(await ask('isuser:a:b\n')).toBe('1\n');
    await expect.poll(() => property('ActiveState')).toBe('active');
  });

  it('passes a second socket with the other protocol, as on the page', async () => {
    const unit = replaced(codeIn(PAGE, 'ini'), 'SocketGroup=ejabberd', 'SocketGroup=prosody');
    machine.do(`cat >/etc/systemd/system/xtokend-ejabberd.socket <<'END'\n${unit}\nEND
      systemctl enable xtokend-ejabberd.socket
      systemctl stop xtokend
      systemctl start xtokend-ejabberd.socket xtokend`);
    expect(await ask('\0\x0aisuser:a:b', '/run/xtokend/ejabberd.sock')).toBe('\0\x02\0\x01');
    expect(await ask('isuser:a:b\n')).toBe('1\n');
    expect(property('StatusText')).toBe('Answering on 2 sockets');
    await expect.poll(journal).toContain('listening path="systemd:ejabberd"');
    machine.do('systemctl disable --now xtokend-ejabberd.socket; systemctl restart xtokend');
  });

  it('starts the service by itself after its configuration becomes readable', async () => {
    const file = '/etc/xtokend/xtokend.toml';
    machine.do(`chmod 600 ${file}`);
    expect(machine.run('systemctl restart xtokend').status).not.toBe(0);
    const answer = ask('isuser:a:b\n');
    // Wait for an automatic restart after the failed one.
    await expect.poll(() => journal().split('may not read it').length).toBeGreaterThan(2);
    machine.do(`chmod 640 ${file}`);
    expect(await answer).toBe('1\n');
  });

  it('runs the service with the drop-in hardest.conf', async () => {
    install('xtokend.service', 'hardest.conf');
    expect(await ask('isuser:a:b\n')).toBe('1\n');
    // It cannot see the age of this machine, so its own start is the cache epoch.
    expect(await ask(`${oldLogin('bob')}\n`)).toBe('0\n');
    await expect.poll(journal).toContain('reason="replay-unknown" jid="bob@example.com"');
    expect(machine.do(`cat /proc/${property('MainPID')}/environ`)).toContain('NODE_OPTIONS=--jitless');
    remove('xtokend.service', 'hardest.conf');
  });

  it('lets the service connect to Redis only with the drop-in redis-tcp.conf', async (context) => {
    requirePackage(context, hasRedis(), 'redis-server');
    const file = '/etc/xtokend/xtokend.toml';
    machine.do(`cp ${file} /root/valid.toml
      ip link set lo up
      printf '[Service]\\nExecStart=redis-server --port 6379 --bind 127.0.0.1 --save ""\\n' >/etc/systemd/system/redis.service
      systemctl daemon-reload
      systemctl start redis
      printf '[replay]\\nstore = "redis"\\nurl = "redis://127.0.0.1:6379"\\n' >>${file}
      systemctl restart xtokend`);
    expect(await ask(`${login('carol')}\n`)).toBe('0\n');
    await expect.poll(journal).toContain('reason="replay-cache-unavailable" jid="carol@example.com"');
    install('xtokend.service', 'redis-tcp.conf');
    // The refusal shows that xtokend has reached Redis, whose cache epoch is later than the token.
    expect(await ask(`${oldLogin('dave')}\n`)).toBe('0\n');
    await expect.poll(journal).toContain('reason="replay-unknown" jid="dave@example.com"');
    machine.do(`cp /root/valid.toml ${file}`);
    remove('xtokend.service', 'redis-tcp.conf');
  });

  it('lets Prometheus connect only with the drop-in metrics-tcp.conf', async () => {
    const file = '/etc/xtokend/xtokend.toml';
    const scrape = `node --eval 'fetch("http://127.0.0.1:9477/metrics").then((all) => all.text()).then(console.log)'`;
    machine.do(`cp ${file} /root/valid.toml
      ip link set lo up
      printf '[metrics]\\nlisten = "127.0.0.1:9477"\\n' >>${file}
      systemctl restart xtokend`);
    expect(machine.run(scrape).status).not.toBe(0);
    await expect
      .poll(journal)
      .toMatch(/metrics disabled: .* may not use TCP.* install the drop-in metrics-tcp\.conf/);
    install('xtokend.service', 'metrics-tcp.conf');
    expect(await ask('isuser:a:b\n')).toBe('1\n');
    expect(machine.do(scrape)).toContain('xtokend_build_info{');
    machine.do(`cp /root/valid.toml ${file}`);
    remove('xtokend.service', 'metrics-tcp.conf');
  });

  it('removes the socket file when the socket unit stops', () => {
    machine.do('systemctl disable --now xtokend.socket xtokend.service');
    expect(machine.run(`test -e ${SOCKET}`).status).toBe(1);
    expect(machine.do('systemctl list-units --failed --no-legend')).toBe('');
  });
});

/** Prints unexpected files, directories that it can write to, and unexpected mounts. */
const LOOK_AROUND = `
  find /tmp /home /root /srv /run /mnt -mindepth 1 -not -path '/run/mount*' 2>/dev/null
  for directory in /usr /usr/bin /sys /proc/sys/kernel /usr/local/bin/node; do
    if touch $directory/xtokend 2>/dev/null; then echo $directory; fi
  done
  grep -v -e ' / / ' -e ' - tmpfs xtokend-' -e ' ro,' -e ' - devtmpfs ' -e ' /proc ' -e ' - devpts ' -e ' - cgroup2 ' /proc/self/mountinfo
  echo end`;
