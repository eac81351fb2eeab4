import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { once } from 'node:events';
import { check, type Checked } from '../../../support/daemon/check.js';
import { temporaryDirectory, temporaryFile } from '../../../support/directory.js';
import { SECRETS } from '../../../support/keys.js';
import { startXtokend } from '../../../support/xtokend.js';
import { answering, configured, program } from './support.js';

const HOSTS = `${SECRETS}[hosts."example.com"]\n`;

function codesOf({ findings }: Checked): string[] {
  return findings
    .filter(({ subject, code }) => subject === 'passwords' && !code.startsWith('passwords-store-'))
    .map(({ level, code }) => `${level} ${code}`);
}

describe('xtokend check, of passwords with chat servers', () => {
  it("notes what Prosody's stock module means for passwords", () => {
    const lua = temporaryFile(
      'VirtualHost "example.com"\nauthentication = "external"\nexternal_auth_command = "/usr/bin/xtokend"\n',
      'prosody.cfg.lua',
    );
    const args = ['--prosody', lua];
    const path = program(answering('*) echo 0;;'));
    const slow = check(`${HOSTS}[passwords]\ncommand = ["${path}"]\n`, { args });
    expect(codesOf(slow)).toEqual([
      'note passwords-terminal',
      'note passwords-no-address',
      'ok passwords-command-ok',
    ]);
    expect(slow.of('passwords-terminal').join()).toMatch(
      /up to 3 s for each password at example\.com; set auth/,
    );
    const fast = check(`${HOSTS}[passwords]\nstore = "file:app"\n[passwords.limits]\nuser = 7\n`, { args });
    expect(codesOf(fast)).toEqual(['note passwords-no-address']);
    expect(fast.of('passwords-no-address').join()).toContain(
      "only user = 7 applies, so anybody who guesses passwords of a user can block that user's password logins",
    );
    expect(codesOf(check(HOSTS, { args }))).toEqual([]);
  });

  it('notes what ejabberd means for passwords', () => {
    const yaml = join(temporaryDirectory(), 'ejabberd.yml');
    const pool = (size: number): string =>
      `hosts: [example.com]\nauth_method: external\nextauth_program: '/usr/bin/xtokend'\nextauth_pool_size: ${size}\n`;
    const settings = `${HOSTS}[passwords]\nstore = "file:app"\n`;
    const args = ['--ejabberd', yaml];
    writeFileSync(yaml, pool(3));
    const several = check(settings, { args });
    expect(codesOf(several)).toEqual(['note passwords-no-address', 'note passwords-pool']);
    expect(several.of('passwords-pool').join()).toContain(
      'an attacker has up to 3 times as many attempts at example.com',
    );
    const shared = check(`${settings}[replay]\nstore = "redis"\nurl = "redis://127.0.0.1:1"\n`, { args });
    expect(codesOf(shared)).toEqual(['note passwords-no-address']);
    writeFileSync(yaml, pool(1));
    expect(codesOf(check(settings, { args }))).toEqual(['note passwords-no-address']);
  });

  it.each([
    ['generic', ['note passwords-no-address']],
    ['auto', []],
  ])('notes a socket with the protocol %s', async (protocol, expected) => {
    const socket = join(temporaryDirectory(), 'socket');
    const config = configured('store = "file:app"');
    const listen = `unix:${socket}${protocol === 'auto' ? '' : `,protocol=${protocol}`}`;
    const daemon = startXtokend(['--config', config, '--listen', listen]);
    onTestFinished(() => void daemon.kill());
    let log = '';
    while (!log.includes('listening')) log += String(((await once(daemon.stderr, 'data')) as [Buffer])[0]);
    const checked = check({ path: config }, { args: ['--socket', socket] });
    expect(codesOf(checked)).toEqual(expected);
  });
});
