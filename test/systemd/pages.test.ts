import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeIn } from '../support/documents.js';
import { SystemdMachine, TIMEOUT_MILLISECONDS, type Said } from './systemd-machine.js';

const MODULES = '/usr/local/lib/node_modules';
const CONFIG = '/etc/xtokend/xtokend.toml';
const impediment = SystemdMachine.impediment();

let machine: SystemdMachine;

/** Runs the commands of a page. */
function follow(page: string): void {
  const code = codeIn(page, 'sh').replaceAll('$(npm root --global)', MODULES);
  // Background processes of the page must not inherit the pipes of this command.
  machine.do(`cat >/root/page.sh <<'END'\n${code}\nEND
    sh -eu /root/page.sh >/root/page.log 2>&1 </dev/null || { cat /root/page.log; exit 1; }`);
}

/** Removes everything that the pages create. */
function reset(): void {
  machine.do(`systemctl disable --now xtokend.socket xtokend.service 2>/dev/null || :
    for pid in $(pids); do kill -9 $pid; done
    rm -rf /etc/xtokend /etc/systemd/system/xtokend.s* /etc/sysusers.d /var/lib/xtokend /run/xtokend
    systemctl daemon-reload`);
}

/** Returns the processes of xtokend that systemd did not start. */
const startedByHand = (): string =>
  machine.do(`service=$(systemctl show --property MainPID --value xtokend)
    for pid in $(pids); do [ "$pid" = "$service" ] || echo "$pid"; done`);

const property = (name: string): string =>
  machine.do(`systemctl show --property ${name} --value xtokend`).trim();

const askedByProsody = (request: string): Said =>
  machine.run(
    `exec perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new("/run/xtokend/xtokend.sock") or die $!; print $s "${request}\\n"; print scalar <$s>'`,
    'prosody',
  );

/** Returns the files that contain a text like a secret and that every user can read. */
const readableSecrets = (): string =>
  machine.do(`grep -rlE '[A-Z2-7]{32}' /etc /var/lib /run /root 2>/dev/null | while read -r file; do
      find "$file" -maxdepth 0 -perm /o=r; done`);

const title = `the commands of pages in any order (${impediment ?? 'in namespaces'})`;

describe.skipIf(impediment !== undefined)(title, { timeout: TIMEOUT_MILLISECONDS }, () => {
  beforeAll(async () => {
    machine = await SystemdMachine.boot();
    machine.do(`cat >/usr/local/bin/pids <<'END'
#!/bin/sh
for directory in /proc/[0-9]*; do
    if tr '\\0' ' ' <"$directory/cmdline" 2>/dev/null | grep -q 'xtokend.cjs'; then echo "\${directory#/proc/}"; fi
done
END
      chmod 755 /usr/local/bin/pids
      mkdir -p /etc/pam.d && printf '%s\\n' 'auth sufficient pam_permit.so' 'account sufficient pam_permit.so' 'session sufficient pam_permit.so' >/etc/pam.d/su
      for user in ejabberd mongooseim; do groupadd --system $user; useradd --system --gid $user $user; done`);
  }, TIMEOUT_MILLISECONDS);

  afterAll(async () => {
    await (machine as SystemdMachine | undefined)?.stop();
  });

  it('docs/prosody.md, docs/systemd.md, and both once more', async () => {
    reset();
    follow('docs/prosody.md');
    const secrets = machine.do(`cat ${CONFIG}`);
    for (const page of ['docs/systemd.md', 'docs/prosody.md', 'docs/systemd.md']) {
      follow(page);
      expect(machine.do(`cat ${CONFIG}`)).toBe(secrets);
      expect(readableSecrets()).toBe('');
    }
    await expect.poll(() => property('ActiveState')).toBe('active');
    expect(machine.do(`stat --format '%U %G %a' ${CONFIG}`)).toBe('root xtokend 640\n');
    // Prosody must not stay connected to a daemon with other secrets or another replay cache.
    await expect.poll(startedByHand).toBe('');
    expect(askedByProsody('isuser:alice:example.com')).toMatchObject({ status: 0, stdout: '1\n' });
    expect(JSON.parse(machine.do('xtokend check --json'))).toMatchObject({ fit: true });
  });

  it('a key is rotated by the commands of the page, and a reload of an invalid configuration fails', async () => {
    reset();
    follow('docs/systemd.md');
    for (let time = 0; time < 2; time += 1) follow('docs/operation.md');
    // systemd can learn later than `xtokend reload` that the reload is complete.
    await expect.poll(() => property('ActiveState')).toBe('active');
    for (const key of ['default', '2027']) {
      const token = machine.do(`xtokend mint --key ${key} alice@example.com`).trim();
      askedByProsody(`auth:alice:example.com:${token}`);
      // A machine that has just started refuses the token, but the log names its key.
      await expect
        .poll(() => machine.do('journalctl --sync; journalctl --unit xtokend --output cat --lines 1'))
        .toMatch(new RegExp(`(accepted|replay-unknown).* key="${key}"`));
    }
    machine.do(`sed -i 's/id = "2027"/id = "default"/' ${CONFIG}`);
    expect(machine.run('systemctl reload xtokend').status).not.toBe(0);
    machine.do(`sed -i 's/id = "default"/id = "2027"/' ${CONFIG}; systemctl reload xtokend`);
  });

  it('a key in a credential needs a restart, and a reload fails before it', () => {
    reset();
    follow('docs/systemd.md');
    machine.do(`mkdir -p /etc/systemd/system/xtokend.service.d
      printf '[Service]\\nLoadCredential=otp_seed:/root/otp_seed\\nLoadCredential=token_secret:/root/token_secret\\n' >/etc/systemd/system/xtokend.service.d/keys.conf
      systemctl daemon-reload
      umask 077
      echo JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP >/root/otp_seed
      echo NUVJCKWW44JOKTGCPJDWZMJIHL6RB7OJ >/root/token_secret
      printf '[[keys]]\\nid = "2027"\\notp_seed_file = "otp_seed"\\ntoken_secret_file = "token_secret"\\n' >>${CONFIG}`);
    expect(machine.run('systemctl reload xtokend').status).not.toBe(0);
    machine.do('systemctl restart xtokend');
    expect(property('ActiveState')).toBe('active');
    machine.do('systemctl reload xtokend; rm -r /etc/systemd/system/xtokend.service.d');
  });

  it('servers that start xtokend themselves can read the secrets, beside the service', () => {
    reset();
    follow('docs/systemd.md');
    const secrets = machine.do(`cat ${CONFIG}`);
    const pages = { 'prosody-stock-module': 'prosody', ejabberd: 'ejabberd', mongooseim: 'mongooseim' };
    for (const [page, user] of Object.entries(pages)) {
      for (let time = 0; time < 2; time += 1) follow(`docs/${page}.md`);
      machine.do(`su -s /bin/sh ${user} -c 'xtokend mint alice@example.com'`);
    }
    machine.do('systemctl restart xtokend');
    expect(machine.do(`cat ${CONFIG}`)).toBe(secrets);
    expect(readableSecrets()).toBe('');
  });
});
