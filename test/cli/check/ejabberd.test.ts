import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { check, type Checked } from '../../support/daemon/check.js';
import { temporaryFile } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { OTHER_USER, requireRoot } from '../../support/system/other-user.js';
import { requirePackage } from '../../support/run/requirements.js';
import { settingsForProgram } from '../../support/servers/ejabberd-settings.js';
import { PROGRAM } from '../../support/xtokend.js';

const HOSTS = 'hosts: [example.com]\n';
const documented = settingsForProgram(PROGRAM);

function checkEjabberd(yaml: string, configuration = SECRETS): Checked {
  return check(configuration, { args: ['--ejabberd', temporaryFile(yaml, 'ejabberd.yml')] });
}

describe('xtokend check, of ejabberd', () => {
  it('accepts the settings in the documentation', () => {
    expect(checkEjabberd(HOSTS + documented).of('ejabberd-ok')).toEqual([
      expect.stringMatching(/^ok: .* for example\.com, .*; $/),
    ]);
  });

  it.each([
    ['no setting', HOSTS + documented.replace(/auth_use_cache.*/, '')],
    ['auth_use_cache: true', HOSTS + documented.replace('auth_use_cache: false', 'auth_use_cache: true')],
    ['use_cache: true', `${HOSTS}use_cache: true\n${documented.replace(/auth_use_cache.*/, '')}`],
    ['one host', `${HOSTS}${documented}\nhost_config:\n  example.com:\n    auth_use_cache: true\n`],
  ])('reports a cache that is on: %s', (_, yaml) => {
    const { status, of } = checkEjabberd(yaml);
    expect(status).toBe(1);
    expect(of('ejabberd-cache')).toEqual([expect.stringMatching(/^problem: .*; auth_use_cache: false$/)]);
  });

  it.each(['auth_use_cache: "off"', 'auth_use_cache: no', 'auth_use_cache: off'])(
    'accepts a cache that is off: %s',
    (line) => {
      expect(
        checkEjabberd(HOSTS + documented.replace('auth_use_cache: false', line)).of('ejabberd-cache'),
      ).toEqual([]);
    },
  );

  it('checks each host by itself', () => {
    const settings = documented.replace(/^/gm, '    ');
    const yaml = `hosts: [a.example, b.example]\nauth_method: internal\nhost_config:\n  "b.example":\n${settings}\n`;
    const { of } = checkEjabberd(yaml);
    expect(of('ejabberd-ok')).toEqual([expect.stringContaining('asks xtokend for b.example,')]);
    expect(of('ejabberd-other-method')).toEqual([
      expect.stringMatching(/^note: .* a\.example: .* internal; $/),
    ]);
    expect(of('ejabberd-not-configured')).toEqual([]);
    expect(checkEjabberd(`${HOSTS}auth_method: internal\n`).of('ejabberd-not-configured')).toHaveLength(1);
    expect(checkEjabberd(yaml, `${SECRETS}[hosts."c.example"]\n`).of('ejabberd-host-not-served')).toEqual([
      expect.stringMatching(/^problem: .* b\.example, .*; add \[hosts\."b\.example"\]/),
    ]);
    expect(
      checkEjabberd(yaml, `${SECRETS}[hosts."a.example"]\n[hosts."b.example"]\n`).of('ejabberd-other-method'),
    ).toEqual([
      expect.stringMatching(
        /^problem: .* a\.example: .* serves that host by name; auth_method: \[external\]/,
      ),
    ]);
    expect(
      checkEjabberd(yaml, `${SECRETS}[hosts."b.example"]\n[hosts."c.example"]\n`).of('host-unused'),
    ).toEqual([expect.stringMatching(/^warning: .* c\.example, .* ejabberd/)]);
  });

  const sql = 'hosts: [localhost]\nauth_method: [external]\nhost_config: {localhost: {auth_method: [sql]}}\n';
  const program = "extauth_program: '/usr/bin/xtokend --protocol ejabberd'\n";
  const hashed = 'VirtualHost "localhost" authentication = "internal_hashed"';

  it.for([
    ['/etc/ejabberd/ejabberd.yml', sql, '[hosts."localhost"]', 'problem ejabberd-other-method'],
    ['/etc/ejabberd/ejabberd.yml', sql + program, '', 'problem ejabberd-not-configured'],
    ['/etc/ejabberd/ejabberd.yml', 'hosts: [localhost]\n', '', 'warning ejabberd-not-configured'],
    ['/etc/prosody/prosody.cfg.lua', hashed, '[hosts."localhost"]', 'problem prosody-other-provider'],
    ['/etc/prosody/prosody.cfg.lua', `${hashed} xtoken_socket = "/x"`, '', 'problem prosody-not-configured'],
    ['/etc/prosody/prosody.cfg.lua', hashed, '', 'warning prosody-not-configured'],
    [
      '/etc/prosody/prosody.cfg.lua',
      hashed.replace('internal_hashed', 'xtokend'),
      '',
      'problem prosody-provider-name',
    ],
  ] as const)('checks %s without an option (%#)', ([place, text, hosts, expected], context) => {
    requirePackage(context, existsSync(place), basename(dirname(place)));
    if (process.getuid?.() !== 0) context.skip('only root can mount something there');
    const file = temporaryFile(text, 'configuration');
    const config = temporaryFile(`${SECRETS}${hosts}\n`);
    const command = `mount --bind ${file} ${place} && exec ${PROGRAM} check --json --config ${config}`;
    const { stdout } = spawnSync('unshare', ['--mount', 'sh', '-c', command], { encoding: 'utf8' });
    const { findings } = JSON.parse(stdout) as Pick<Checked, 'findings'>;
    expect(findings.map(({ level, code }) => `${level} ${code}`)).toContain(expected);
  });

  it('notes that this user may not read the configuration of ejabberd', (context) => {
    requireRoot(context);
    const directory = '/etc/ejabberd';
    requirePackage(context, existsSync(directory), 'ejabberd');
    const prosody = temporaryFile('VirtualHost "localhost"', 'prosody.cfg.lua');
    const config = temporaryFile(`${SECRETS}[hosts."localhost"]\n`);
    for (const path of [prosody, config]) {
      chmodSync(dirname(path), 0o755);
      chmodSync(path, 0o644);
    }
    const { stdout } = spawnSync(PROGRAM, ['check', '--json', '--config', config, '--prosody', prosody], {
      uid: OTHER_USER,
      gid: OTHER_USER,
      encoding: 'utf8',
      cwd: '/',
    });
    const { findings } = JSON.parse(stdout) as Pick<Checked, 'findings'>;
    const found = findings.filter(({ code }) => /^ejabberd|^prosody-(?:other|not-configured)/.test(code));
    // ejabberd may ask for that host.
    expect(found.map(({ level, code }) => `${level} ${code}`)).toEqual([
      'note prosody-other-provider',
      'note ejabberd-unreadable',
    ]);
  });

  it('reads files that are included by an absolute path, and names those that it does not read', () => {
    const included = temporaryFile(
      'define_macro: {METHOD: external}\nhost_config: {b.example: {auth_method: METHOD}}\nauth_use_cache: true\n',
      'b.yml',
    );
    const lines = documented.replace(/^auth_method.*$/m, '');
    const yaml = `hosts: [a.example, B.example]\n${lines}\ninclude_config_file:\n  - "${included}": {allow_only: [host_config, define_macro]}\n  - other.yml\n`;
    const { of } = checkEjabberd(yaml);
    expect(of('ejabberd-ok')).toEqual([expect.stringContaining('asks xtokend for b.example,')]);
    expect(of('ejabberd-include-not-read')).toEqual([expect.stringContaining('note: other.yml ')]);
    expect(checkEjabberd(`${HOSTS}include_config_file: /no/such.yml`).of('ejabberd-unreadable')).toEqual([
      expect.stringContaining('cannot read /no/such.yml: there is no such file'),
    ]);
    const itself = temporaryFile('', 'loop.yml');
    writeFileSync(itself, `include_config_file: "${itself}"`);
    expect(check(SECRETS, { args: ['--ejabberd', itself] }).of('ejabberd-unreadable')).toHaveLength(1);
  });

  it.each([
    ['ejabberd-program', "extauth_program: '/no/xtokend --protocol ejabberd'", 'there is no /no/xtokend'],
    ['ejabberd-program', "extauth_program: '/etc/passwd'", '/etc/passwd is not a program'],
    ['ejabberd-program', '', 'extauth_program is missing'],
    ['ejabberd-protocol', `extauth_program: '${PROGRAM} --protocol generic'`, 'with --protocol generic'],
  ])('reports a program that cannot answer: %s, %s', (code, line, message) => {
    const { of } = checkEjabberd(HOSTS + documented.replace(/extauth_program.*/, line));
    expect(of(code)).toEqual([expect.stringContaining(message)]);
  });

  it('reports several processes with a replay cache in memory each', () => {
    const memory = `${SECRETS}[replay]\nstore = "memory"\n`;
    expect(checkEjabberd(HOSTS + documented, memory).of('ejabberd-pool')).toEqual([
      expect.stringMatching(/^problem: .* 2 processes for each host/),
    ]);
    const one = documented.replace('extauth_pool_size: 2', 'extauth_pool_size: 1');
    expect(checkEjabberd(HOSTS + one, memory).of('ejabberd-pool')).toEqual([]);
  });

  it('names the line at which a file is not YAML, and repeats nothing of it', () => {
    const { of, findings } = checkEjabberd('hosts: [a]\nsql_password: "top secret\nauth_method: external\n');
    expect(of('ejabberd-unreadable')).toEqual([expect.stringMatching(/not YAML: [A-Z_]+ in line \d/)]);
    expect(JSON.stringify(findings)).not.toContain('top secret');
    expect(checkEjabberd('- a\n- list\n').of('ejabberd-unreadable')).toHaveLength(1);
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...'bcdefgh'
        .split('')
        .map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index] ?? ''},`.repeat(10)}]`),
    ];
    expect(checkEjabberd(bomb.join('\n')).of('ejabberd-unreadable')).toHaveLength(1);
    expect(check(SECRETS, { args: ['--ejabberd', '/no/such.yml'] }).of('ejabberd-unreadable')).toHaveLength(
      1,
    );
  });
});
