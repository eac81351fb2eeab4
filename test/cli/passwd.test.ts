import { chmodSync, chownSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openAppPasswords } from '../../src/passwords/app-passwords/app-passwords.js';
import { idOf } from '../../src/passwords/app-passwords/entries.js';
import { readAppPasswords } from '../../src/passwords/app-passwords/manage.js';
import { FileLastUses } from '../../src/replay/journal/last-uses.js';
import { RedisLastUses } from '../../src/replay/redis/redis-cache.js';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { hasRedis, redisSettings, RedisServer } from '../support/servers/redis.js';
import { OTHER_USER, requireRoot } from '../support/system/other-user.js';
import { xtokend, type Ended } from '../support/xtokend.js';

const JID = 'alice@example.com';
const STORE = '[passwords]\nstore = "file:app-passwords"\n';

/** A configuration, and the state directory of the machine that uses it. */
class Machine {
  readonly config: string;
  readonly file: string;
  readonly state = temporaryDirectory();

  constructor(settings = STORE) {
    this.config = temporaryFile(`${SECRETS}${settings}`);
    this.file = join(dirname(this.config), 'app-passwords');
  }

  passwd(args: readonly string[], input = ''): Ended {
    const env = { STATE_DIRECTORY: this.state };
    return xtokend(['passwd', ...args, '--config', this.config], { env, input });
  }

  async accepts(password: string): Promise<boolean> {
    const backend = await openAppPasswords({ kind: 'app-passwords', path: this.file }, {});
    const login = { user: 'alice', host: 'example.com', password };
    return (await backend.verify(login, new AbortController().signal)) === 'accepted';
  }
}

describe('xtokend passwd', () => {
  it('prints a new app password, lists it, and removes it', async () => {
    const machine = new Machine();
    const { status, stdout, stderr } = machine.passwd(['Alice@EXAMPLE.com', '--label', 'my phone']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^(?:[a-z2-9]{4}-){4}[a-z2-9]{4}\n$/);
    expect(stderr).toContain(`added the app password "my phone" of ${JID} to ${machine.file} (mode 0600, `);
    expect(stderr).not.toContain(stdout.trim());
    expect(await machine.accepts(stdout.trim())).toBe(true);
    const [entry] = await readAppPasswords(machine.file);
    if (entry === undefined) throw new Error('expected an app password');
    const time = String.raw`\d{4}-\d\d-\d\d [\d:]{8} \+00:00`;
    const list = machine.passwd([JID, '--list']).stdout;
    expect(list).toMatch(
      new RegExp(String.raw`^JID +LABEL +CREATED +LAST USE\nalice@example\.com  my phone  ${time}  never\n$`),
    );
    await new FileLastUses(join(machine.state, 'last-uses')).record(idOf(entry), 1_000_000_000_000);
    expect(machine.passwd(['--list']).stdout).toContain('  2001-09-09 01:46:40 +00:00\n');
    expect(machine.passwd(['bob@example.com', '--list'])).toMatchObject({ status: 0, stdout: '' });
    expect(machine.passwd([JID, '--label', 'my phone']).stderr).toContain(
      'already has an app password "my phone"',
    );
    const removed = machine.passwd([JID, '--remove', '--label', 'my phone']);
    expect(removed).toMatchObject({ status: 0, stdout: '' });
    expect(await machine.accepts(stdout.trim())).toBe(false);
    expect(machine.passwd([JID, '--remove', '--label', 'my phone'])).toMatchObject({ status: 2, stdout: '' });
  });

  it('reads one from standard input, and prints it nowhere', async () => {
    const machine = new Machine();
    const { status, stdout, stderr } = machine.passwd(
      [JID, '--label', 'bot', '--stdin'],
      'a chosen password\n',
    );
    expect([status, stdout]).toEqual([0, '']);
    expect(stderr).not.toContain('chosen');
    expect(await machine.accepts('a chosen password')).toBe(true);
    for (const wrong of [
      'short secret'.slice(0, 11),
      `secret ${'1'.repeat(32)}`,
      'secret\nsecret secret',
      '',
    ]) {
      const refused = machine.passwd([JID, '--label', 'other', '--stdin'], wrong);
      expect([refused.status, refused.stdout]).toEqual([2, '']);
      expect(refused.stderr).toMatch(
        /^xtokend: the password: expected .*\. To have xtokend create one, leave out --stdin\n$/,
      );
      expect(refused.stderr).not.toContain('secret');
    }
  });

  it('removes all of a user, and no other', async () => {
    const machine = new Machine();
    for (const label of ['phone', 'tablet']) machine.passwd([JID, '--label', label]);
    machine.passwd(['bob@example.com', '--label', 'phone']);
    expect(machine.passwd([JID, '--remove', '--all']).stderr).toContain(
      'removed the app passwords "phone", "tablet" of',
    );
    expect((await readAppPasswords(machine.file)).map(({ jid }) => jid)).toEqual(['bob@example.com']);
  });

  it('lists the last use of each app password on all machines that share a Redis', async (context) => {
    requirePackage(context, hasRedis(), 'redis-server');
    const server = await RedisServer.start();
    onTestFinished(() => server.remove());
    const settings = redisSettings(server.url);
    const machine = new Machine(
      `${STORE}[replay]\nstore = "redis"\nurl = "${server.url}"\nprefix = "${settings.prefix}"\n`,
    );
    machine.passwd([JID, '--label', 'phone']);
    const [entry] = await readAppPasswords(machine.file);
    const uses = new RedisLastUses(settings);
    onTestFinished(() => uses.close());
    if (entry !== undefined) await uses.record(idOf(entry), 1_000_000_000_000);
    expect(machine.passwd(['--list']).stdout).toContain('  2001-09-09 01:46:40 +00:00\n');
    await server.stop();
    const { status, stdout, stderr } = machine.passwd(['--list']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/ {2}unknown\n$/);
    expect(stderr).toMatch(/^xtokend: the last uses are unknown: redis:/);
  });

  it('knows no last use if that is in the memory of the daemon', () => {
    const machine = new Machine(`${STORE}[replay]\nstore = "memory"\n`);
    machine.passwd([JID, '--label', 'phone']);
    expect(machine.passwd(['--list'])).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringMatching(/ {2}unknown\n$/) as string,
    });
  });

  it.each<[string, string, string[], RegExp]>([
    [
      'no label',
      STORE,
      [JID],
      /expected --label LABEL, such as: xtokend passwd alice@example\.com --label phone\n/,
    ],
    ['no user', STORE, ['--label', 'x'], /expected a JID and --label LABEL/],
    ['a list and a label', STORE, ['--list', '--label', 'x'], /expected --list alone, or with a JID\n/],
    ['a list to remove', STORE, ['--list', '--remove'], /expected --list alone, or with a JID\n/],
    ['nothing to remove', STORE, [JID, '--remove'], /expected --label LABEL or --all with --remove\n/],
    ['all without --remove', STORE, [JID, '--all'], /expected --all together with --remove\n/],
    [
      'all and a label',
      STORE,
      [JID, '--remove', '--all', '--label', 'x'],
      /expected --label LABEL or --all with --remove\n/,
    ],
    [
      'a password to remove',
      STORE,
      [JID, '--remove', '--stdin', '--label', 'x'],
      /expected --remove without --stdin\n/,
    ],
    ['a name', STORE, ['alice', '--label', 'x'], /expected a JID like user@example\.com/],
    ['an empty label', STORE, [JID, '--label', ''], /the label: expected 1 to 64 printable characters/],
    ['another host', `[hosts."a.example"]\n`, [JID, '--label', 'x'], /example\.com is not one of the hosts/],
    [
      'no table',
      '',
      [JID, '--label', 'x'],
      /found none\. Add these lines to the end of \S+:\n\n\[passwords\]\nstore = "file:\/\S+\/app-passwords"\n/,
    ],
    ['no table to list', '', ['--list'], /found none\. Add these lines to the end of/],
    [
      'another back end',
      '[passwords]\ncommand = ["/bin/true"]\n',
      [JID, '--label', 'x'],
      /Add this line to the table \[passwords\] that applies to example\.com in \S+:\n\nstore = /,
    ],
    [
      'a host without passwords',
      `${STORE}[hosts."EXAMPLE.com".passwords]\n`,
      [JID, '--label', 'x'],
      /found none\. Add this line to the table \[hosts\."example\.com"\.passwords\] in \S+:\n\nstore = \S+\n\n?$/,
    ],
    [
      'passwords of another host only',
      `[hosts."a.example".passwords]\nstore = "file:a"\n[hosts."example.com"]\n`,
      [JID, '--label', 'x'],
      /Another host has passwords\. Add these lines to the end of \S+:\n\n\[hosts\."example\.com"\.passwords\]\nstore = /,
    ],
  ])('does nothing for %s, and tells why', (_, settings, args, expected) => {
    const machine = new Machine(settings);
    const { status, stdout, stderr } = machine.passwd(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(expected);
    expect(readdirSync(dirname(machine.config))).toEqual(['xtokend.toml']);
  });

  it('repeats no password that was given as an argument', () => {
    for (const args of [
      [JID, 'hunter2secret'],
      [JID, '--label', 'x', '--password=hunter2secret'],
      [JID, '--label', 'x', '--stdin', 'hunter2secret'],
    ]) {
      const { status, stdout, stderr } = new Machine().passwd(args);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).not.toContain('hunter2');
    }
  });

  it('lets the group of the configuration read a new file', (context) => {
    requireRoot(context);
    const machine = new Machine();
    chownSync(machine.config, 0, OTHER_USER);
    chmodSync(machine.config, 0o640);
    expect(machine.passwd([JID, '--label', 'phone']).stderr).toMatch(/\(mode 0640, root:/);
    const { gid, mode } = statSync(machine.file);
    expect([gid, mode & 0o777]).toEqual([OTHER_USER, 0o640]);
  });
});
