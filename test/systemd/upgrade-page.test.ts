import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeIn, commandsBelow } from '../support/documents.js';
import { SystemdMachine, TIMEOUT_MILLISECONDS } from './systemd-machine.js';

const PAGE = 'docs/upgrade.md';
const MODULES = '/usr/local/lib/node_modules';
const CONFIG = '/etc/xtokend/xtokend.toml';
const BACKUP = '/root/xtokend-backup.tar.gz';
const REVOKED = 'alice@example.com';
const impediment = SystemdMachine.impediment();

let machine: SystemdMachine;

/** Runs commands of a page, of which all must succeed. */
function follow(code: string, flags = '-eu'): void {
  machine.do(`cat >/root/page.sh <<'END'\n${code.replaceAll('$(npm root --global)', MODULES)}\nEND
    sh ${flags} /root/page.sh >/root/page.log 2>&1 </dev/null || { cat /root/page.log; exit 1; }`);
}

/** Installs the service by the commands of the pages, and revokes a user. */
function install(): void {
  for (const page of ['docs/npm.md', 'docs/prosody.md', 'docs/systemd.md']) follow(codeIn(page, 'sh'));
  machine.do(`xtokend revoke ${REVOKED}`);
}

/** Returns what the service answers to a login with a new token. */
const login = (jid: string): string => {
  const request = jid.replace('@', ':');
  return machine.run(`xtokend check --request auth:${request} | head -n 1`).stdout.trim();
};

/** Returns the files, users and groups of xtokend on the machine. */
const traces = (): string =>
  machine.do(`find / /run /usr/local -xdev -name '*xtoken*' -not -name 'xtokend-test*' -not -path '/root/*' | sort -u
    grep -h xtokend /etc/passwd /etc/group || :`);

const details = (): string =>
  machine.do(`find /etc/xtokend /var/lib/xtokend -name 'replay-cache*' -prune -o -printf '%p %u %g %m\\n' | sort
    cat ${CONFIG}; cat /var/lib/xtokend/revocations || :`);

const title = `the commands of ${PAGE} (${impediment ?? 'in namespaces'})`;

describe.skipIf(impediment !== undefined)(title, { timeout: TIMEOUT_MILLISECONDS }, () => {
  let before = '';

  beforeAll(async () => {
    machine = await SystemdMachine.boot();
    // What the machine has without the commands of the pages: the program that npm installed.
    before = traces();
    install();
  }, TIMEOUT_MILLISECONDS);

  afterAll(async () => {
    await (machine as SystemdMachine | undefined)?.stop();
  });

  it('back up everything but the used tokens, and restore it on a machine with other user ids', async () => {
    machine.do(
      'echo "users = \\"seen\\"" | cat - /etc/xtokend/xtokend.toml >/root/new && cat /root/new >/etc/xtokend/xtokend.toml && systemctl reload xtokend',
    );
    // In the first minute after the boot, every token is refused.
    await expect
      .poll(() => login('bob@example.com'), { timeout: 90_000, interval: 2000 })
      .toMatch(/accepted/);
    const all = details();
    expect(all).toContain('seen-users');
    expect(all).toContain(REVOKED);
    for (const code of commandsBelow(PAGE, 'Back up')) follow(code);
    expect(machine.do(`stat --format '%a' ${BACKUP}`)).toBe('600\n');
    expect(machine.do(`tar -tzf ${BACKUP}`)).not.toContain('replay-cache');

    machine.do(`systemctl stop xtokend.socket xtokend.service
      rm -rf /etc/xtokend /var/lib/xtokend
      usermod --uid 4321 xtokend && groupmod --gid 4322 xtokend
      xtokend init --group xtokend
      systemctl start xtokend.socket xtokend.service`);
    expect(details()).not.toBe(all);
    for (const code of commandsBelow(PAGE, 'Restore')) follow(code);
    expect(details()).toBe(all);
    expect(machine.do('xtokend revoke --list')).toContain(REVOKED);
    expect(login(REVOKED)).toMatch(/refused.*blocked-user/s);
    expect(machine.do('systemctl is-active xtokend')).toBe('active\n');
  });

  it('remove an installation with npm, and then everything that is left', () => {
    const [program = '', rest = ''] = commandsBelow(PAGE, 'npm');
    const secrets = machine.do(`cat ${CONFIG}`);
    // The page allows errors about what does not exist.
    follow(program, '-u');
    expect(machine.do(`cat ${CONFIG}`)).toBe(secrets);
    expect(machine.do('ls /var/lib/xtokend')).toContain('revocations');
    expect(before).toContain('/usr/local/bin/xtokend');
    follow(rest, '-u');
    expect(traces()).toBe('');
  });
});
