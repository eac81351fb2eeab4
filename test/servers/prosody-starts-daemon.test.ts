import { existsSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { requirePackage } from '../support/run/requirements.js';
import { isInstalled, releases } from '../support/servers/prosody.js';
import { commandWith, Starter, targetsOf, zombiesOf } from '../support/servers/prosody-starter.js';
import { login } from '../support/servers/xmpp-login.js';
import { PROGRAM } from '../support/xtokend.js';
import { ACCEPTED, CONFIGURATION, newUser, otherTokenOf, tokenOf, UNAVAILABLE } from './logins.js';

describe.each(releases)('$name that starts xtokend', (release) => {
  beforeEach((context) => {
    requirePackage(context, isInstalled(release), release.name);
  });

  const environment = (): NodeJS.ProcessEnv => ({ XTOKEND_CONFIG: temporaryFile(CONFIGURATION) });

  it('accepts tokens with nothing but xtoken_command, on a private socket', async () => {
    const starter = await Starter.start(release, `xtoken_command = "${PROGRAM}"`, { env: environment() });
    await starter.expectLogin();
    const pid = await starter.daemon();
    expect(statSync(starter.directory).mode & 0o777).toBe(0o700);
    expect(statSync(starter.socketPath).mode & 0o777).toBe(0o600);
    expect(existsSync(join(starter.directory, 'replay-cache'))).toBe(true);
    await expect.poll(() => starter.prosody.log).toContain(`started xtokend (pid ${pid})`);
    expect(starter.prosody.log).not.toMatch(/xtoken.*\t(?:error|warn)/);
    // No zombie of a shell either.
    expect(zombiesOf(starter.prosody.pid)).toEqual([]);
  });

  it('takes external_auth_command if it leads to xtokend, and never runs another program', async () => {
    const directory = temporaryDirectory();
    symlinkSync(PROGRAM, join(directory, 'auth'));
    const trace = join(directory, 'trace');
    writeFileSync(join(directory, 'other'), `#!/bin/sh\n# not xtokend: really\ntouch ${trace}\n`, {
      mode: 0o755,
    });
    const more = `VirtualHost "other.example" authentication = "xtoken" xtoken_timeout = 1 external_auth_command = "${directory}/other"`;
    const host = `external_auth_command = "${directory}/auth"\n${more}`;
    const starter = await Starter.start(release, host, { env: environment() });
    await starter.expectLogin();
    expect(await starter.logIn('other.example')).toEqual(UNAVAILABLE);
    expect(existsSync(trace)).toBe(false);
    expect(starter.prosody.log).toContain(
      `not running external_auth_command: ${directory}/other is not xtokend. Set xtoken_command or xtoken_socket`,
    );
  });

  it('starts nothing if xtoken_socket is set', async () => {
    const starter = await Starter.start(
      release,
      `xtoken_command = "${PROGRAM}" xtoken_socket = "/no/such/socket" xtoken_timeout = 1`,
    );
    expect(await starter.logIn()).toEqual(UNAVAILABLE);
    expect(existsSync(starter.directory)).toBe(false);
  });

  it('starts one xtokend for all hosts', async () => {
    const host = `VirtualHost "other.example" authentication = "xtoken"`;
    const more = `xtoken_command = "${PROGRAM}"`;
    const starter = await Starter.start(release, `${more}\n${host}\n${more}`, { env: environment() });
    await starter.daemon();
    await starter.expectLogin();
    expect(await starter.logIn('other.example', otherTokenOf)).toEqual(ACCEPTED);
  });

  it('starts it again if it ends, with the used tokens', async () => {
    const starter = await Starter.start(release, `xtoken_command = "${PROGRAM}"`, { env: environment() });
    const username = newUser();
    const password = tokenOf(`${username}@example.com`);
    const options = { service: starter.prosody.service('TCP'), domain: 'example.com', username, password };
    expect(await login(options)).toEqual(ACCEPTED);
    const first = await starter.daemon();
    process.kill(first, 'SIGKILL');
    // It waits for the next one.
    await starter.expectLogin();
    expect(await login(options)).toMatchObject({ condition: 'credentials-expired' });
    const second = await starter.daemon(first);
    process.kill(second, 'SIGTERM');
    await starter.expectLogin();
    expect(starter.prosody.log).toMatch(
      new RegExp(`warn\\txtokend \\(pid ${first}\\) has ended after \\d s; starting it again in 0.5 s`),
    );
    expect(starter.prosody.log).not.toContain('does not answer');
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'leaves nothing behind after %s, three times',
    { timeout: 60_000 },
    async (signal) => {
      const starter = await Starter.start(release, `xtoken_command = "${PROGRAM}"`, { env: environment() });
      for (let round = 0; round < 3; round += 1) {
        await starter.expectLogin();
        const pid = await starter.daemon();
        const own = new Set(targetsOf(starter.prosody.pid).filter((target) => !target.startsWith('/dev/')));
        const shared = targetsOf(pid).filter(
          (target) => own.has(target) && !target.startsWith('anon_inode:'),
        );
        // Its stdin is the pipe that Prosody holds.
        expect(shared).toEqual([readlinkSync(`/proc/${pid}/fd/0`)]);
        process.kill(starter.prosody.pid, signal);
        await starter.expectNothing(pid);
        expect(starter.prosody.log).not.toMatch(/xtokend\t(?:warn|error)/);
        await starter.prosody.restart();
      }
    },
  );

  it('reloads the configuration when Prosody does', async () => {
    const config = temporaryFile(CONFIGURATION);
    const starter = await Starter.start(release, commandWith(config));
    await starter.expectLogin();
    const pid = await starter.daemon();
    writeFileSync(config, CONFIGURATION.replace('[hosts."example.com"]', ''));
    process.kill(starter.prosody.pid, 'SIGHUP');
    await expect.poll(() => starter.logIn()).toEqual(UNAVAILABLE);
    writeFileSync(config, 'otp_seed = 1');
    process.kill(starter.prosody.pid, 'SIGHUP');
    await starter.error(/xtokend: configuration reload failed, keeping the previous one: .*otp_seed/);
    writeFileSync(config, CONFIGURATION);
    process.kill(starter.prosody.pid, 'SIGHUP');
    await expect.poll(() => starter.logIn()).toEqual(ACCEPTED);
    expect(await starter.daemon()).toBe(pid);
  });

  it('keeps it running while the module is reloaded, and ends it after an unload', async () => {
    const starter = await Starter.start(release, `xtoken_command = "${PROGRAM}"`, { env: environment() });
    const pid = await starter.daemon();
    await starter.prosody.reloadModule();
    await starter.expectLogin();
    expect(await starter.daemon()).toBe(pid);
    await starter.prosody.shell('module', 'unload', 'auth_xtoken', 'example.com');
    await expect.poll(() => starter.pids, { timeout: 20_000 }).toEqual([]);
    await starter.expectNothing(pid);
    await starter.prosody.shell('module', 'load', 'auth_xtoken', 'example.com');
    await starter.daemon(pid);
  });
});
