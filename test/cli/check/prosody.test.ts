import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findAccount } from '../../../src/cli/check/machine/accounts.js';
import { check, type Checked } from '../../support/daemon/check.js';
import { codeIn, replaced } from '../../support/documents.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { isInstalled, LPTY_DIRECTORY, PROSODY_0_12 } from '../../support/servers/prosody.js';
import { requirePackage } from '../../support/run/requirements.js';
import { settingsForProgram } from '../../support/servers/ejabberd-settings.js';
import { PROGRAM } from '../../support/xtokend.js';

const hasProsody = isInstalled(PROSODY_0_12) && findAccount('prosody') !== undefined;

/** Without it, Prosody offers no way to log in. */
const SASLAUTH = 'modules_enabled = { "saslauth" }\n';

/** Returns a directory that every user can pass through. */
function openFolder(): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  return directory;
}

/** Checks a configuration of Prosody, with one of xtokend that Prosody's user cannot read. */
function checkProsody(lua: string, configuration = SECRETS, env: NodeJS.ProcessEnv = {}): Checked {
  return check(configuration, { args: ['--prosody', temporaryFile(lua, 'prosody.cfg.lua')], env });
}

/** Returns a directory with our module, and empty ones with other names. */
function modules(...names: string[]): string {
  const directory = openFolder();
  cpSync('prosody', directory, { recursive: true });
  for (const name of names) writeFileSync(join(directory, `mod_auth_${name}.lua`), '');
  return directory;
}

describe('xtokend check, of Prosody', () => {
  it('reports that no host asks xtokend', () => {
    const { status, of } = checkProsody('VirtualHost "a.example" authentication = "internal_hashed"');
    expect(status).toBe(1);
    expect(of('prosody-not-configured')).toEqual([expect.stringMatching(/^problem: .*; /)]);
    expect(check(SECRETS, { args: ['--prosody', '/no/such.cfg.lua'] }).of('prosody-unreadable')).toEqual([
      expect.stringContaining('warning: cannot read /no/such.cfg.lua: there is no such file'),
    ]);
  });

  it.each([
    ['xtokend', 'prosody-provider-name'],
    ['mod_auth_xtoken', 'prosody-provider-name'],
    ['X-Token', 'prosody-provider-name'],
    ['xtoekn', 'prosody-provider-name'],
    ['token', 'prosody-provider-name'],
    ['external', 'prosody-module-missing'],
    ['xtoken', 'prosody-ok'],
    // A module that exists is not misspelt.
    ['xtokens', 'prosody-other-provider'],
  ])('classifies authentication = "%s"', (provider, code) => {
    const lua = `${SASLAUTH}plugin_paths = { "${modules('xtokens')}" }\nVirtualHost "a.example"\nauthentication = "${provider}"`;
    const { of } = checkProsody(lua);
    expect(of(code).join()).toContain('a.example');
    expect(of('prosody-other-provider')).toHaveLength(code === 'prosody-other-provider' ? 1 : 0);
  });

  it('reports a host that xtokend serves by name, but Prosody does not ask for', () => {
    const lua = `VirtualHost "a.example"\nVirtualHost "b.example"\nauthentication = "internal_plain"`;
    const { status, of } = checkProsody(lua, `${SECRETS}[hosts."a.example"]\n`);
    expect(status).toBe(1);
    expect(of('prosody-other-provider')).toEqual([
      expect.stringMatching(
        /^problem: .* for a\.example: there, authentication is "internal_hashed", but .* by name; authentication = "xtoken"/,
      ),
      expect.stringMatching(/^note: .* for b\.example: there, authentication is "internal_plain"; $/),
    ]);
  });

  it('accepts hosts for which ejabberd asks', () => {
    const yaml = temporaryFile(`hosts: [a.example]\n${settingsForProgram(PROGRAM)}`, 'ejabberd.yml');
    const lua = temporaryFile('VirtualHost "a.example"', 'prosody.cfg.lua');
    const { of } = check(`${SECRETS}[hosts."a.example"]\n`, {
      args: ['--prosody', lua, '--ejabberd', yaml],
    });
    expect(of('prosody-other-provider')).toEqual([expect.stringMatching(/^note: .* for a\.example/)]);
    expect(of('prosody-not-configured')).toEqual([]);
    expect(of('ejabberd-ok')).toHaveLength(1);
  });

  it.each([
    'VirtualHost "a.example" authentication = os.getenv "AUTH"',
    'VirtualHost "a.example" if x then authentication = "xtoken" end',
    'for _, name in ipairs(names) do VirtualHost(name) authentication = "xtoken" end',
    'RunScript "hosts.lua"',
    'modules_enabled = more() VirtualHost "a.example" authentication = "xtoken"',
  ])('reports values that Lua code computes, and draws no conclusion from them: %s', (text) => {
    const { of } = checkProsody(`${SASLAUTH}plugin_paths = { "${modules()}" }\n${text}`);
    expect(of('prosody-computed')).toHaveLength(1);
    expect([...of('prosody-not-configured'), ...of('prosody-no-host'), ...of('prosody-saslauth')]).toEqual(
      [],
    );
    expect(of('prosody-ok')).toEqual([]);
  });

  it('reports a file without hosts', () => {
    expect(checkProsody('authentication = "xtoken"').of('prosody-no-host')).toHaveLength(1);
  });

  it('accepts the settings in the documentation, and reports a missing module', () => {
    const page = replaced(codeIn('docs/prosody.md', 'lua'), '/usr/bin/xtokend', PROGRAM);
    const directory = modules();
    const lua = SASLAUTH + page.replace('/usr/local/lib/prosody/modules', directory);
    expect(checkProsody(lua).of('prosody-ok')).toEqual([
      expect.stringMatching(
        /^ok: .* asks xtokend for example\.com with mod_auth_xtoken, which starts xtokend; $/,
      ),
    ]);
    const missing = checkProsody(page.replace('/usr/local/lib/prosody/modules', '/no/modules'));
    expect(missing.of('prosody-module-missing')).toEqual([
      expect.stringMatching(
        /^problem: .* mod_auth_xtoken\.lua .* \/no\/modules, .*; install -D -m 644 \S+\/prosody\/\*\.lua -t \/no\/modules/,
      ),
    ]);
    const below = checkProsody(
      `VirtualHost "example.com"\nauthentication = "xtoken"\nplugin_paths = { "${directory}" }`,
    );
    expect(below.of('prosody-plugin-paths')).toHaveLength(1);
    expect(below.of('prosody-module-missing')).toHaveLength(1);
  });

  it('reads included files', () => {
    const path = temporaryFile(
      `${SASLAUTH}plugin_paths = { "${modules()}" }\nInclude "conf.d/*.cfg.lua"`,
      'prosody.cfg.lua',
    );
    mkdirSync(join(dirname(path), 'conf.d'));
    writeFileSync(
      join(dirname(path), 'conf.d/a.cfg.lua'),
      'VirtualHost "a.example"\nauthentication = "xtoken"',
    );
    writeFileSync(
      join(dirname(path), 'conf.d/b.cfg.lua.bak'),
      'VirtualHost "b.example"\nauthentication = "xtoken"',
    );
    expect(check(SECRETS, { args: ['--prosody', path] }).of('prosody-ok')).toEqual([
      `ok: ${path} asks xtokend for a.example with mod_auth_xtoken; `,
    ]);
  });

  it('reports a module that user prosody may not read', (context) => {
    requirePackage(context, hasProsody, 'prosody');
    const directory = modules();
    chmodSync(join(directory, 'mod_auth_xtoken.lua'), 0o600);
    const lua = `plugin_paths = { "${directory}" }\nauthentication = "xtoken"`;
    expect(checkProsody(lua).of('prosody-module-missing')).toHaveLength(1);
  });

  it('reports hosts that xtokend does not serve', () => {
    const lua = `plugin_paths = { "${modules()}" }\nauthentication = "xtoken"\nVirtualHost "Example.com"\nVirtualHost "example.org"\nComponent "muc.example.com" "muc"`;
    expect(checkProsody(lua, `${SECRETS}[hosts."example.com"]\n`).of('prosody-host-not-served')).toEqual([
      expect.stringMatching(
        /^problem: .* asks xtokend for example\.org, but .*; add \[hosts\."example\.org"\] to /,
      ),
    ]);
  });

  it('recognizes a host in another spelling', () => {
    const lua = `plugin_paths = { "${modules()}" }\nauthentication = "xtoken"\nVirtualHost "Straße.example"`;
    expect(checkProsody(lua, `${SECRETS}[hosts."strasse.example"]\n`).of('prosody-host-not-served')).toEqual(
      [],
    );
  });
});

describe('xtokend check, of the stock module', () => {
  const stock = (command: string): string =>
    `plugin_paths = { "${modules('external_insecure')}" }\nauthentication = "external_insecure"\nexternal_auth_command = "${command}"`;
  const withLpty = { LUA_CPATH: `${LPTY_DIRECTORY}/?.so` };

  it.each([
    ['/usr/bin/xtokend --config /x', 'prosody-command-arguments', 'has arguments'],
    ['xtokend', 'prosody-command-unusable', 'expected an absolute path, got xtokend'],
    ['/no/such/xtokend', 'prosody-command-unusable', 'there is no /no/such/xtokend'],
    ['/usr/bin', 'prosody-command-unusable', '/usr/bin is not a file'],
    ['/etc/passwd', 'prosody-command-unusable', '/etc/passwd is not executable'],
  ])('reports a command that cannot be run: %s', (command, code, message) => {
    const { status, of } = checkProsody(stock(command));
    expect(status).toBe(1);
    expect(of(code)).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ['modules_enabled = { "roster", "register" }', '', 1],
    ['', 'modules_enabled = { "register" }', 1],
    ['modules_enabled = { "roster", "register" }', 'modules_disabled = { "register" }', 0],
    ['modules_enabled = { "roster" }', '', 0],
  ])('reports that passwords can be changed: %s / %s', (above, below, findings) => {
    const lua = `${stock(PROGRAM)}\n${above}\nVirtualHost "example.com"\n${below}`;
    expect(checkProsody(lua).of('prosody-terminal-registration')).toHaveLength(findings);
  });

  it.each([
    ['external_auth_blocking = false', 1],
    ['external_auth_blocking = true', 0],
  ])('reports a setting that hides whether Prosody waits: %s', (line, findings) => {
    const { of } = checkProsody(`${stock(PROGRAM)}\n${line}`);
    expect(of('prosody-terminal-non-blocking')).toHaveLength(findings);
  });

  it('reports how much xtokend can see of Prosody', () => {
    const { of } = checkProsody(stock(PROGRAM));
    const scope = '/proc/sys/kernel/yama/ptrace_scope';
    const isRestricted = existsSync(scope) && readFileSync(scope, 'utf8').trim() !== '0';
    expect(of(isRestricted ? 'prosody-terminal-partly-visible' : 'prosody-terminal-visible')).toHaveLength(1);
    expect(checkProsody('authentication = "xtoken"').of('prosody-terminal-visible')).toEqual([]);
  });

  it('reports files that user prosody may not use', (context) => {
    requirePackage(context, hasProsody, 'prosody');
    const directory = openFolder();
    const command = join(directory, 'xtokend');
    cpSync(PROGRAM, command);
    chmodSync(command, 0o700);
    const { of } = checkProsody(stock(command));
    expect(of('prosody-command-unusable').join()).toContain(`user prosody may not run ${command} (`);
    expect(of('prosody-configuration-unreadable')).toEqual([
      expect.stringMatching(
        /user prosody may not pass through \S+ \(\S+, mode 0700\); chown root:prosody \S+ && chmod 750/,
      ),
    ]);
  });

  it('reports that the Lua of Prosody has no lpty', (context) => {
    requirePackage(context, hasProsody, 'prosody');
    const { of } = checkProsody(stock(PROGRAM));
    expect(of('prosody-lpty-missing')).toEqual([
      expect.stringMatching(/^problem: .* \S*lua5\.\d, .*docs\/prosody-stock-module\.md/),
    ]);
    if (!existsSync(join(LPTY_DIRECTORY, 'lpty.so')))
      context.skip('scripts/test-servers has not compiled lpty');
    expect(checkProsody(stock(PROGRAM), SECRETS, withLpty).of('prosody-lpty-missing')).toEqual([]);
  });
});
