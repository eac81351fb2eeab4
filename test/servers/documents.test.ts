import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { codeIn, replaced } from '../support/documents.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { requirePackage } from '../support/run/requirements.js';
import { login } from '../support/servers/xmpp-login.js';
import { PROGRAM, xtokend } from '../support/xtokend.js';
import { ACCEPTED, EXPIRED, tokenOf } from './logins.js';

const PAGE = 'docs/prosody.md';

/** Creates a directory that stands for the root directory of a machine with xtokend, and returns it with an environment. */
function machine(): { root: string; env: NodeJS.ProcessEnv } {
  const root = temporaryDirectory();
  mkdirSync(join(root, 'bin'));
  symlinkSync(PROGRAM, join(root, 'bin/xtokend'));
  const PATH = `${root}/bin:${process.env['PATH'] ?? ''}`;
  const STATE_DIRECTORY = process.env['STATE_DIRECTORY'];
  return { root, env: { PATH, STATE_DIRECTORY, XTOKEND_CONFIG: `${root}/etc/xtokend/xtokend.toml` } };
}

/** Runs the commands of a page with other directories. The processes that they start end with the test. */
async function follow(page: string, root: string, env: NodeJS.ProcessEnv): Promise<void> {
  const installed = codeIn(page, 'sh').replaceAll('"$(npm root --global)/xtokend', `"${resolve('.')}`);
  // Without accounts, which test/systemd/pages.test.ts creates on a machine of its own.
  const owned = installed
    .replaceAll(/^(groupadd|usermod) .*\n/gm, '')
    .replaceAll(/--group (?:xtokend|prosody)/g, '--group root')
    .replaceAll(/-o \w+ -g \w+/g, '-o root -g root');
  const commands = owned.replaceAll(/(?<=[ :>])\/(etc|run|usr|var)\//g, `${root}/$1/`);
  const shell = spawn('sh', ['-ec', `${commands}\necho done; wait`], { env, detached: true });
  let errors = '';
  shell.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const exit = once(shell, 'exit');
  onTestFinished(async () => {
    if (shell.exitCode !== null || shell.pid === undefined) return;
    process.kill(-shell.pid, 'SIGTERM');
    await exit;
  });
  await Promise.race([
    once(shell.stdout, 'data'),
    exit.then(() => {
      throw new Error(`expected the commands to work\n${errors}`);
    }),
  ]);
}

/** Mints a token for alice with the configured secrets, and expects that it is accepted once. */
async function expectLogin(prosody: Prosody, env: NodeJS.ProcessEnv): Promise<void> {
  const token = xtokend(['mint', 'alice@example.com'], { env }).stdout.trim();
  const options = { service: prosody.service('TCP'), domain: 'example.com', username: 'alice' };
  await expect.poll(() => login({ ...options, password: token })).toEqual(ACCEPTED);
  expect(await login({ ...options, password: token })).toEqual(EXPIRED);
}

/** Returns the configuration of Prosody that the page tells people to copy. */
function documentedConfiguration(root: string): string {
  const modules = '"/usr/local/lib/prosody/modules"';
  const withModule = replaced(codeIn(PAGE, 'lua'), modules, modules.replace('"', `"${root}`));
  return replaced(withModule, '/usr/bin/xtokend', `${root}/bin/xtokend`);
}

describe('the commands of a page', () => {
  it.for(releases)('set up logins to $name', async (release, context) => {
    requirePackage(context, isInstalled(release), release.name);
    if (process.getuid?.() !== 0) context.skip('the page is for root');
    const { root, env } = machine();
    await follow(PAGE, root, env);
    const prosody = await Prosody.start({ release, configuration: documentedConfiguration(root), env });
    onTestFinished(() => prosody.stop());
    await expectLogin(prosody, env);
  });

  it.for(['docs/prosody-stock-module.md', 'docs/mongooseim.md'])(
    'create the secrets for a chat server: %s',
    async (page, context) => {
      if (process.getuid?.() !== 0) context.skip('the page is for root');
      const { root, env } = machine();
      await follow(page, root, env);
      expect(statSync(env['XTOKEND_CONFIG'] ?? '').mode & 0o777).toBe(0o640);
      expect(xtokend(['check'], { env })).toMatchObject({ status: 0, stderr: '' });
    },
  );

  it('give MongooseIM a program that answers it', async () => {
    const program = /program = "(.*)"/.exec(codeIn('docs/mongooseim.md', 'toml'))?.[1] ?? '';
    const { PATH, STATE_DIRECTORY } = process.env;
    const env = { PATH, STATE_DIRECTORY, XTOKEND_CONFIG: temporaryFile(SECRETS) };
    const child = spawn('sh', ['-c', `exec ${replaced(program, '/usr/bin/xtokend', PROGRAM)}`], { env });
    const request = `auth:alice:example.com:${tokenOf('alice@example.com')}`;
    for (const answer of ['\0\x02\0\x01', '\0\x02\0\0']) {
      child.stdin.write(Buffer.concat([Buffer.from([0, request.length]), Buffer.from(request)]));
      expect(await once(child.stdout, 'data')).toEqual([Buffer.from(answer)]);
    }
    child.stdin.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
