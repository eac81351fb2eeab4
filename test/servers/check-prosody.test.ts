import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { check, type Checked } from '../support/daemon/check.js';
import { Daemon } from '../support/daemon/daemon.js';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { replaced } from '../support/documents.js';
import {
  exampleFor,
  isInstalled,
  Prosody,
  releases,
  type ProsodyRelease,
} from '../support/servers/prosody.js';
import { requirePackage } from '../support/run/requirements.js';
import { login } from '../support/servers/xmpp-login.js';
import { SECRETS } from '../support/keys.js';
import { accepts } from '../support/system/ports.js';
import { PROGRAM } from '../support/xtokend.js';
import { offeredOver } from './mechanisms.js';
import { ACCEPTED, newUser, tokenOf } from './logins.js';

/** Each host of Prosody: its settings, whether a token is accepted over TCP, and the findings of `xtokend check`. */
const HOSTS = [
  ['example.com', undefined, true, ['ok prosody-ok']],
  ['inherits.example', '', true, ['ok prosody-ok']],
  ['typo.example', 'authentication = "xtokend"', false, ['problem prosody-provider-name']],
  ['hashed.example', 'authentication = "internal_hashed"', false, ['problem prosody-other-provider']],
  ['anonymous.example', 'anonymous_login = true', false, ['problem prosody-other-provider']],
  ['absent.example', 'authentication = "ldap_two"', false, ['problem prosody-module-missing']],
  ['off.example', 'enabled = false', false, ['note prosody-disabled', 'warning host-unused']],
  ['mute.example', 'modules_disabled = { "saslauth" }', false, ['problem prosody-saslauth']],
  ['spoken.example', 'modules_disabled = { "saslauth" } modules_disabled = nil', true, ['ok prosody-ok']],
  [
    'plain.example',
    'disable_sasl_mechanisms = { "PLAIN" }',
    false,
    ['ok prosody-ok', 'warning prosody-plain-off'],
  ],
  ['computed.example', 'authentication = "xto" .. "ken"', true, ['note prosody-computed']],
] as const;

/** The codes about hosts; the Prosody of these tests accepts tokens without TLS on purpose. */
const CODES = /^(?:prosody-(?!unencrypted)|host-)/;

/** Settings that every configuration here needs besides those of the test's Prosody. */
const AS_ROOT = 'prosody_user = "root"';

function checkFile(prosody: Prosody, configuration: string): Checked {
  return check(configuration, { args: ['--prosody', join(prosody.directory, 'prosody.cfg.lua')] });
}

async function start(release: ProsodyRelease, settings: (socketPath: string) => string): Promise<Prosody> {
  const daemon = new Daemon(SECRETS);
  await daemon.start();
  onTestFinished(() => daemon.remove());
  const prosody = await Prosody.start({ release, configuration: settings(daemon.socketPath) });
  onTestFinished(() => prosody.stop());
  return prosody;
}

async function isAccepted(prosody: Prosody, domain: string): Promise<boolean> {
  if (!(await offeredOver.tcp(prosody, domain)).includes('PLAIN')) return false;
  const username = newUser();
  const password = tokenOf(`${username}@${domain}`);
  const result = await login({ service: prosody.service('TCP'), domain, username, password });
  return result.decision === ACCEPTED.decision;
}

describe.each(releases)('xtokend check of $name', { timeout: 60_000 }, (release) => {
  beforeEach((context) => {
    requirePackage(context, isInstalled(release), release.name);
  });

  it('checks each host by itself', async () => {
    const included = temporaryDirectory();
    const file = 'VirtualHost "included.example" authentication = "xtoken"';
    writeFileSync(join(included, 'a.cfg.lua'), file);
    writeFileSync(join(included, '.b.cfg.lua'), 'VirtualHost "hidden.example" authentication = "xtoken"');
    const hosts = HOSTS.map(([name, lua]) => (lua === undefined ? '' : `VirtualHost "${name}" ${lua}`));
    const table = 'VirtualHost "table.example" { authentication = "xtoken" }';
    const more = [...hosts, `Include "${included}/*.cfg.lua"`, table].join('\n');
    const prosody = await start(
      release,
      (path) =>
        `${AS_ROOT}\nauthentication = "xtoken"\nxtoken_socket = "${path}"\n${exampleFor(path)}\n${more}`,
    );
    const expected = [
      ...HOSTS,
      ['included.example', '', true, ['ok prosody-ok']],
      ['table.example', '', true, ['ok prosody-ok']],
      ['hidden.example', '', false, ['warning host-unused']],
    ] as const;
    const named = expected.map(([name]) => `[hosts."${name}"]\n`).join('');
    const { findings } = checkFile(prosody, SECRETS + named);
    const codesAbout = (name: string): string[] =>
      findings
        .filter(({ code, message }) => CODES.test(code) && message.includes(name))
        .map(({ level, code }) => `${level} ${code}`)
        .sort();
    const found = await Promise.all(
      expected.map(async ([name]) => [name, await isAccepted(prosody, name), codesAbout(name)]),
    );
    expect(found).toEqual(expected.map(([name, , isIn, codes]) => [name, isIn, [...codes].sort()]));
  });

  const WEB = 'consider_bosh_secure, consider_websocket_secure = true, true';

  it.each([
    ['not at all', '', '', [], ['warning', 'warning']],
    ['below the host', '', WEB, [], ['warning', 'warning']],
    ['above all hosts', WEB, '', ['PLAIN', 'X-TOKEN'], []],
  ])(
    'reports which clients get a way to log in if a proxy is trusted %s',
    async (_, above, below, offered, levels) => {
      const prosody = await start(
        release,
        (path) => `${AS_ROOT}
        modules_enabled = { "saslauth", "bosh", "websocket", "http_openmetrics", "admin_shell" }
        allow_unencrypted_plain_auth, consider_websocket_secure = false, false
        ${above}
        ${exampleFor(path)}
        ${below}`,
      );
      const { of, findings } = checkFile(prosody, SECRETS);
      expect(findings.filter(({ code }) => code === 'prosody-web').map(({ level }) => level)).toEqual(levels);
      expect(of('prosody-ok')).toHaveLength(1);
      expect(of('prosody-unencrypted')).toEqual([]);
      for (const offer of [offeredOver.bosh, offeredOver.webSocket]) {
        expect(await offer(prosody, 'example.com')).toEqual(offered);
        expect(await offer(prosody, 'example.com', true)).toEqual(['PLAIN', 'X-TOKEN']);
      }
    },
  );

  it('warns of another module than that of this package, with a fix that works while Prosody runs', async () => {
    const directory = temporaryDirectory();
    cpSync('prosody', directory, { recursive: true });
    appendFileSync(join(directory, 'mod_auth_xtoken.lua'), 'module:log("info", "this is another one")\n');
    const prosody = await start(
      release,
      (path) => `${AS_ROOT}\n${replaced(exampleFor(path), resolve('prosody'), directory)}`,
    );
    expect(prosody.log).toContain('this is another one');
    const { findings } = checkFile(prosody, SECRETS);
    const fix = findings.find(({ code }) => code === 'prosody-module-differs')?.fix ?? '';
    const prosodyctl = `${release.program}ctl --config ${join(prosody.directory, 'prosody.cfg.lua')}`;
    const [command = ''] = replaced(fix, 'prosodyctl', prosodyctl).split('; ');
    expect(spawnSync('sh', ['-c', command], { encoding: 'utf8' }).stdout).toContain('Module reloaded');
    expect(prosody.log.match(/this is another one/g)).toHaveLength(1);
    expect(checkFile(prosody, SECRETS).of('prosody-module-differs')).toEqual([]);
    expect(await isAccepted(prosody, 'example.com')).toBe(true);
  });

  it.each([
    ['xtoken_command', 'socket-ok', 'example.com with mod_auth_xtoken, which starts xtokend'],
    // Prosody's environment names its configuration, which the check can't know.
    ['external_auth_command', 'socket-ok', 'example.com with mod_auth_xtoken, which starts xtokend'],
    ['a missing configuration', 'socket-refuses', ''],
  ])('checks the xtokend that Prosody starts: %s', async (how, code, asks) => {
    const path = temporaryFile(SECRETS);
    const missing = join(temporaryDirectory(), 'xtokend.toml');
    const file = how === 'xtoken_command' ? path : missing;
    const isStock = how === 'external_auth_command';
    const command = isStock
      ? `external_auth_command = "${PROGRAM}"`
      : `xtoken_command = { "${PROGRAM}", "--config", "${file}" }`;
    const modules = `plugin_paths = { "${resolve('prosody')}" }`;
    const configuration = `${AS_ROOT}\n${modules}\nVirtualHost "example.com" authentication = "xtoken"\n${command}`;
    const env = isStock ? { XTOKEND_CONFIG: path } : {};
    const prosody = await Prosody.start({ release, configuration, env });
    onTestFinished(() => prosody.stop());
    const state = join(prosody.directory, 'data/xtokend');
    await expect.poll(() => accepts({ path: join(state, 'xtokend.sock') }), { timeout: 20_000 }).toBe(true);
    const args = ['--prosody', join(prosody.directory, 'prosody.cfg.lua')];
    const { of } = check({ path }, { args });
    expect(of(code)).toEqual([expect.stringContaining(join(state, 'xtokend.sock'))]);
    expect(of('prosody-ok').join()).toContain(asks);
    expect(of('replay-ok').join()).toContain(`tried in ${state}`);
    expect(of('prosody-state-unusable')).toEqual([]);
    expect(await isAccepted(prosody, 'example.com')).toBe(code === 'socket-ok');
    const others =
      how === 'xtoken_command' ? [] : [expect.stringContaining(`, and this check is for ${path}`)];
    expect(of('prosody-other-configuration')).toEqual(others);
    if (code === 'socket-refuses') {
      expect(of(code).join()).toContain('(no-configuration)');
      expect(of('prosody-configuration-unreadable')).toEqual([
        expect.stringContaining(`there is no ${missing}`),
      ]);
    }
  });

  it('warns of tokens without TLS', async () => {
    const settings = (isAllowed: boolean) => (path: string) =>
      `${AS_ROOT}\n${exampleFor(path)}\nallow_unencrypted_plain_auth = ${String(isAllowed)}`;
    const open = await start(release, settings(true));
    expect(await offeredOver.tcp(open, 'example.com')).toContain('PLAIN');
    expect(checkFile(open, SECRETS).of('prosody-unencrypted')).toHaveLength(1);
    const closed = await start(release, settings(false));
    expect(await offeredOver.tcp(closed, 'example.com')).toEqual([]);
    expect(checkFile(closed, SECRETS).of('prosody-unencrypted')).toEqual([]);
  });
});
