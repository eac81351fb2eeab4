import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { check, type Checked, type CheckRun } from '../../support/daemon/check.js';
import { temporaryDirectory, temporaryFile } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';

/** Without it, Prosody offers no way to log in. */
const SASLAUTH = 'modules_enabled = { "saslauth" }\n';

/** Returns a directory that every user can pass through. */
function openFolder(): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  return directory;
}

/** Returns a directory with our module. */
function modules(): string {
  const directory = openFolder();
  cpSync('prosody', directory, { recursive: true });
  return directory;
}

/** Returns a configuration of Prosody that uses our module. */
function using(...directories: string[]): string {
  return `${SASLAUTH}plugin_paths = { "${directories.join('", "')}" }\nVirtualHost "a.example"\nauthentication = "xtoken"`;
}

/** Installs a package with other files for Prosody. Returns the path of its program. */
function packageWith(files: Readonly<Record<string, string>>): string {
  const directory = openFolder();
  for (const part of ['bin', 'dist']) cpSync(part, join(directory, part), { recursive: true });
  mkdirSync(join(directory, 'prosody'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, 'prosody', name), text);
  return join(directory, 'bin/xtokend');
}

function checkProsody(lua: string, run: Omit<CheckRun, 'args'> = {}): Checked {
  return check(SECRETS, { args: ['--prosody', temporaryFile(lua, 'prosody.cfg.lua')], ...run });
}

describe('xtokend check, of the files of the module for Prosody', () => {
  it('finds nothing about a module that is a link to that of this package', () => {
    const directory = openFolder();
    for (const file of readdirSync('prosody')) symlinkSync(resolve('prosody', file), join(directory, file));
    const { of } = checkProsody(using(directory));
    expect(of('prosody-ok')).toHaveLength(1);
    expect([...of('prosody-module-differs'), ...of('prosody-module-missing')]).toEqual([]);
  });

  it('warns of a module that is not the one of this package, with a fix that works', () => {
    const directory = modules();
    const other = openFolder();
    const module = join(directory, 'mod_auth_xtoken.lua');
    writeFileSync(module, '-- an older one');
    const { findings, of } = checkProsody(using(directory, other));
    expect(of('prosody-ok')).toHaveLength(1);
    expect(of('prosody-module-differs')).toEqual([
      `warning: ${module} is not the one of this xtokend; install -D -m 644 ${resolve('prosody')}/*.lua -t ${directory} && prosodyctl shell module reload auth_xtoken; if the reload fails, restart Prosody`,
    ]);
    const fix = findings.find(({ code }) => code === 'prosody-module-differs')?.fix ?? '';
    spawnSync('sh', ['-c', fix.split(' && ')[0] ?? '']);
    expect(checkProsody(using(directory, other)).of('prosody-module-differs')).toEqual([]);
  });

  it('names a copy that replaces the module of the Debian package, although it is equal', () => {
    const [copies, own, bin] = [modules(), openFolder(), openFolder()];
    writeFileSync(join(bin, 'prosody'), `#!/usr/bin/lua\nCFG_PLUGINDIR='${own}'\n`);
    for (const file of readdirSync('prosody')) symlinkSync(resolve('prosody', file), join(own, file));
    const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
    const { findings, of } = checkProsody(using(copies), { env });
    expect(of('prosody-module-shadows')).toEqual([
      expect.stringContaining(
        `replace the module of the Debian package in ${own}, and do not change with it`,
      ),
    ]);
    const fix = findings.find(({ code }) => code === 'prosody-module-shadows')?.fix ?? '';
    expect(fix).toContain(' && systemctl restart prosody');
    spawnSync('sh', ['-c', fix.split(' && ')[0] ?? '']);
    expect(readdirSync(copies).filter((file) => file.endsWith('.lua'))).toEqual([]);
    const after = checkProsody(using(copies), { env });
    expect([after.of('prosody-module-shadows'), after.of('prosody-ok').length]).toEqual([[], 1]);
  });

  it('compares the module that Prosody finds first', () => {
    const [first, second] = [modules(), modules()];
    mkdirSync(join(second, 'mod_auth_xtoken/auth_xtoken'), { recursive: true });
    const hidden = join(second, 'mod_auth_xtoken/auth_xtoken/mod_auth_xtoken.lua');
    writeFileSync(hidden, '-- an older one');
    expect(checkProsody(using(first, second)).of('prosody-module-differs')).toEqual([]);
    expect(checkProsody(using(second, first)).of('prosody-module-differs')).toEqual([
      expect.stringContaining(`${hidden} is not the one`),
    ]);
    // Prosody searches its own modules last, and those in a computed directory before them.
    const bin = openFolder();
    writeFileSync(join(bin, 'prosody'), `#!/usr/bin/lua5.4\nCFG_PLUGINDIR="${second}";\n`);
    const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
    const differing = (lua: string): string[] => checkProsody(lua, { env }).of('prosody-module-differs');
    expect(differing(using(first))).toEqual([]);
    expect(differing(using())).toHaveLength(1);
    expect(differing(using().replace(/\{ "" \}/, 'paths()'))).toEqual([]);
  });

  it('reports a file that the module needs and Prosody does not find', () => {
    const program = packageWith({ 'mod_auth_xtoken.lua': 'module:require "part"', 'part.lib.lua': '-- new' });
    const directory = openFolder();
    const check = (): string[] => {
      const { of } = checkProsody(using(directory), { program });
      return [...of('prosody-module-missing'), ...of('prosody-module-differs')];
    };
    // An older module needs no such file.
    const module = join(directory, 'mod_auth_xtoken.lua');
    writeFileSync(module, '-- an older one');
    expect(check()).toEqual([expect.stringContaining(`warning: ${module} is not the one of this xtokend; `)]);
    writeFileSync(module, 'module:require "part"');
    expect(check()).toEqual([
      expect.stringMatching(
        /^problem: \S+ needs part\.lib\.lua, but .* nobody can log in at a\.example; install -D .*; then restart Prosody$/,
      ),
    ]);
    writeFileSync(join(directory, 'part.lib.lua'), '-- old');
    expect(check()).toEqual([expect.stringContaining(`warning: ${join(directory, 'part.lib.lua')} is not `)]);
    writeFileSync(module, 'module:require "part" -- changed');
    expect(check()).toEqual([
      expect.stringMatching(/^warning: \S+\.lua and \S+part\.lib\.lua are not those of this xtokend; /),
    ]);
    rmSync(join(dirname(program), '../prosody'), { recursive: true });
    expect(check()).toEqual([]);
  });
});
