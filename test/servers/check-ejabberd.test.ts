import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { check, type Checked } from '../support/daemon/check.js';
import { replaced } from '../support/documents.js';
import { Ejabberd, hasEjabberd } from '../support/servers/ejabberd.js';
import { temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { login, type LoginResult } from '../support/servers/xmpp-login.js';
import { offeredAt } from './mechanisms.js';
import { ACCEPTED, newUser, REFUSED, tokenOf } from './logins.js';

const besideLocalAccounts = (documented: string): string =>
  replaced(documented, '[external]', '[internal, external]');

/** The settings of hosts of ejabberd that replace the documented ones. */
const SETTINGS: Readonly<Record<string, (documented: string) => string>> = {
  'internal.example': () => 'auth_method: [internal]',
  'oauth.example': (documented) => documented.replace(/^disable_sasl.*$/m, ''),
  'mute.example': (documented) => replaced(documented, "['X-OAUTH2']", '[x-oauth2, plain]'),
  'appended.example': (documented) => documented.replace(/^auth_method.*$/m, ''),
  'any.example': besideLocalAccounts,
  'seen.example': besideLocalAccounts,
};
const NAMES = ['example.com', ...Object.keys(SETTINGS)];
const CONFIGURATION =
  `users = "seen"\n${SECRETS}${NAMES.map((name) => `[hosts."${name}"]\n`).join('')}`.replace(
    '[hosts."any.example"]',
    '[hosts."any.example"]\nusers = "any"',
  );

let ejabberd: Ejabberd;

function checkFile(server: Ejabberd, configuration: string = CONFIGURATION): Checked {
  return check(configuration, { args: ['--ejabberd', server.file] });
}

function logIn(username: string, domain: string, password: string): Promise<LoginResult> {
  return login({ service: ejabberd.service('TCP'), domain, username, password });
}

function logInWell(domain: string, username: string = newUser()): Promise<LoginResult> {
  return logIn(username, domain, tokenOf(`${username}@${domain}`));
}

beforeEach((context) => {
  requirePackage(context, hasEjabberd(), 'ejabberd');
});

describe('xtokend check of ejabberd', () => {
  beforeAll(async () => {
    if (!hasEjabberd()) return undefined;
    const included = join(tmpdir(), `xtokend-included-${process.pid}.yml`);
    writeFileSync(included, 'append_host_config:\n  appended.example: { auth_method: [EXTERNAL] }\n');
    ejabberd = await Ejabberd.start({
      pools: Object.fromEntries(NAMES.map((name) => [name, name === 'internal.example' ? 0 : 1])),
      configuration: CONFIGURATION,
      hostSettings: SETTINGS,
      settings: `auth_method: [internal]\ndefine_macro: { EXTERNAL: external }\ninclude_config_file: ["${included}"]`,
    });
    return async () => {
      await ejabberd.stop();
      rmSync(included);
    };
  });

  it.each([
    ['example.com', ACCEPTED, ['PLAIN'], ['ok ejabberd-ok']],
    ['internal.example', REFUSED, expect.arrayContaining(['PLAIN']), ['problem ejabberd-other-method']],
    ['oauth.example', ACCEPTED, ['PLAIN', 'X-OAUTH2'], ['ok ejabberd-ok', 'warning ejabberd-oauth']],
    ['mute.example', undefined, [], ['problem ejabberd-plain-off']],
    ['appended.example', ACCEPTED, expect.arrayContaining(['PLAIN']), ['ok ejabberd-ok']],
    [
      'any.example',
      ACCEPTED,
      expect.arrayContaining(['PLAIN']),
      ['ok ejabberd-ok', 'note ejabberd-accounts'],
    ],
    ['seen.example', ACCEPTED, expect.arrayContaining(['PLAIN']), ['ok ejabberd-ok']],
  ])('checks %s by itself', async (name, result, mechanisms: unknown, codes) => {
    const offered = await offeredAt(ejabberd.service('WebSocket'), name);
    expect(offered).toEqual(mechanisms);
    if (result !== undefined) expect(await logInWell(name)).toEqual(result);
    const findings = checkFile(ejabberd).findings.filter(({ subject }) => subject === 'ejabberd');
    const found = findings.filter(({ message }) => message.includes(name));
    expect(found.map(({ level, code }) => `${level} ${code}`)).toEqual(codes);
  });

  it('notes a host without external authentication that the configuration does not name', () => {
    const { of } = checkFile(ejabberd, SECRETS);
    expect(of('ejabberd-other-method')).toEqual([expect.stringMatching(/^note: .* internal\.example: /)]);
  });

  it('registers local accounts besides tokens only with users = "seen"', async () => {
    expect(await ejabberd.register('local', 'any.example', 'secret')).toBe(409);
    expect(await ejabberd.register('local', 'seen.example', 'secret')).toBe(200);
    expect(await logIn('local', 'seen.example', 'secret')).toEqual(ACCEPTED);
    expect(await logInWell('seen.example', 'web')).toEqual(ACCEPTED);
    // Who has a token has the name.
    expect(await ejabberd.register('web', 'seen.example', 'secret')).toBe(409);
  });
});

describe('ejabberd with one pool for several hosts', () => {
  it('serves each host, with as many processes as the pool has', async () => {
    const shared = (documented: string): string =>
      `${documented.replace('pool-b.example-', 'pool-a.example-')}\nextauth_pool_name: tokens`;
    ejabberd = await Ejabberd.start({
      pools: { 'a.example': 2, 'b.example': 0 },
      configuration: `${SECRETS}[hosts."a.example"]\n[hosts."b.example"]\n`,
      hostSettings: {
        'a.example': shared,
        'b.example': (documented) => shared(replaced(documented, 'pool_size: 0', 'pool_size: 2')),
      },
    });
    onTestFinished(() => ejabberd.stop());
    for (const host of ['a.example', 'b.example']) {
      const user = newUser();
      const token = tokenOf(`${user}@${host}`);
      expect(await logIn(user, host, token)).toEqual(ACCEPTED);
      expect(await logIn(user, host, token)).toEqual(REFUSED);
      expect(await logIn(newUser(), host, tokenOf(`mallory@${host}`))).toEqual(REFUSED);
    }
    expect(ejabberd.poolOf('a.example')).toHaveLength(2);
    expect(checkFile(ejabberd, SECRETS).of('ejabberd-ok')).toHaveLength(1);
  });
});

describe('the command line in extauth_program', () => {
  const bundle = resolve('dist/xtokend.cjs');
  const program = resolve('bin/xtokend');

  it.each([
    [`node ${bundle} --protocol ejabberd`, true, 'ok ejabberd-ok'],
    [`node ${bundle}`, true, 'ok ejabberd-ok'],
    [`env LANG=C ${program} --protocol=ejabberd`, true, 'ok ejabberd-ok'],
    [`env LANG=C ${program}`, true, 'ok ejabberd-ok'],
    [`sh -c "${program} --protocol ejabberd"`, true, 'ok ejabberd-ok'],
    [`sh -c '${program} serve --protocol native'`, false, 'problem ejabberd-protocol'],
    [`${program} --protocol ejabberd --protocol generic`, false, 'problem ejabberd-protocol'],
    [`node /no/such/xtokend.cjs --protocol ejabberd`, false, 'problem ejabberd-program'],
    ['cat', false, 'note ejabberd-program-unknown'],
  ])('is checked correctly: %s', (command, works, code) => {
    const config = temporaryFile(SECRETS);
    const question = `auth:alice:example.com:${tokenOf('alice@example.com')}`;
    const { stdout } = spawnSync('/bin/sh', ['-c', `exec ${command}`], {
      input: `\0${String.fromCharCode(question.length)}${question}`,
      env: {
        PATH: process.env['PATH'],
        STATE_DIRECTORY: process.env['STATE_DIRECTORY'],
        XTOKEND_CONFIG: config,
      },
      timeout: 30_000,
      encoding: 'latin1',
    });
    expect(stdout === '\0\x02\0\x01').toBe(works);
    const settings = `hosts: [example.com]\nauth_method: external\nauth_use_cache: false\ndisable_sasl_mechanisms: X-OAUTH2`;
    const file = temporaryFile(`${settings}\nextauth_program: >-\n  ${command}\n`, 'ejabberd.yml');
    const { findings } = check({ path: config }, { args: ['--ejabberd', file] });
    const found = findings.filter(({ subject, level }) => subject === 'ejabberd' && level !== 'note');
    const notes = findings.filter(({ subject, level }) => subject === 'ejabberd' && level === 'note');
    expect([...found, ...notes].map(({ level, code: name }) => `${level} ${name}`)).toContain(code);
  });
});
