import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Daemon } from '../support/daemon/daemon.js';
import { isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { requirePackage } from '../support/run/requirements.js';
import { login, type LoginResult } from '../support/servers/xmpp-login.js';
import {
  ACCEPTED,
  BAD_CREDENTIALS,
  CONFIGURATION,
  outcomesIn,
  newUser,
  otherTokenOf,
  REFUSED,
  tokenOf,
} from './logins.js';

const modes = (['PLAIN', 'X-TOKEN'] as const).flatMap((mechanism) =>
  (['TCP', 'WebSocket'] as const).map((transport) => ({ mechanism, transport })),
);

describe.each(releases)('$name with mod_auth_xtoken', (release) => {
  let daemon: Daemon;
  let prosody: Prosody;

  beforeAll(async () => {
    if (!isInstalled(release)) return undefined;
    daemon = new Daemon(CONFIGURATION);
    await daemon.start();
    const more = `VirtualHost "other.example" authentication = "xtoken" xtoken_socket = "${daemon.socketPath}"`;
    prosody = await Prosody.start({ release, socketPath: daemon.socketPath, more });
    return async () => {
      await prosody.stop();
      await daemon.remove();
    };
  });

  beforeEach((context) => {
    requirePackage(context, isInstalled(release), release.name);
  });

  describe.each(modes)('$mechanism over $transport', ({ mechanism, transport }) => {
    const logIn = (username: string, domain: string, password: string): Promise<LoginResult> =>
      login({ service: prosody.service(transport), domain, username, password, mechanism });

    /** Waits for the outcomes in the log, since xtokend answers before it writes its log. */
    const expectOutcomes = (user: string, outcomes: string[]): Promise<void> =>
      expect.poll(() => outcomesIn(daemon.log, `${user}@example.com`)).toEqual(outcomes);

    it('accepts a token once', async () => {
      const user = newUser();
      const token = tokenOf(`${user}@example.com`);
      expect(await logIn(user, 'example.com', token)).toEqual(ACCEPTED);
      expect(await logIn(user, 'example.com', token)).toEqual(REFUSED);
      await expectOutcomes(user, ['accepted', 'replayed']);
    });

    it("logs a refused login once in Prosody's log, with the JID and where to find the reason", async () => {
      const user = newUser();
      expect(await logIn(user, 'example.com', tokenOf(`${user}@example.com`))).toEqual(ACCEPTED);
      expect(await logIn(user, 'example.com', 'some-password')).toEqual(REFUSED);
      const line = new RegExp(
        `info\\s+xtokend refused .*${user}@example\\.com.*: journalctl -u xtokend`,
        'g',
      );
      await expect.poll(() => prosody.log.match(line)).toHaveLength(1);
      expect(prosody.log).not.toContain('some-password');
    });

    it.each(BAD_CREDENTIALS)('refuses %s', async (_, reason, make) => {
      const user = newUser();
      expect(await logIn(user, 'example.com', make(`${user}@example.com`))).toEqual(REFUSED);
      await expectOutcomes(user, [reason]);
    });

    it('accepts only tokens that the secrets of the host signed', async () => {
      const user = newUser();
      expect(await logIn(user, 'other.example', tokenOf(`${user}@other.example`))).toEqual(REFUSED);
      expect(await logIn(user, 'other.example', otherTokenOf(`${user}@other.example`))).toEqual(ACCEPTED);
      expect(await logIn(user, 'example.com', otherTokenOf(`${user}@example.com`))).toEqual(REFUSED);
    });
  });

  it('gives each of 200 simultaneous logins its own outcome', { timeout: 60_000 }, async () => {
    const logins = Array.from({ length: 200 }, async (_, index) => {
      const user = newUser();
      const [, , makeInvalid] = BAD_CREDENTIALS[index % BAD_CREDENTIALS.length] ?? ['', '', tokenOf];
      const isValid = index % 2 === 0;
      const password = (isValid ? tokenOf : makeInvalid)(`${user}@example.com`);
      const mode = modes[index % modes.length];
      const service = prosody.service(mode?.transport ?? 'TCP');
      const result = await login({ ...mode, service, domain: 'example.com', username: user, password });
      return { isValid, result };
    });
    for (const { isValid, result } of await Promise.all(logins)) {
      expect(result).toEqual(isValid ? ACCEPTED : REFUSED);
    }
  });

  it.each([
    ['line breaks', 'x\nauth:mallory:example.com:y'],
    ['a carriage return', 'x\ry'],
    ['more colons', 'x:y:z'],
    ['more bytes than xtokend reads', 'x'.repeat(5000)],
    ['bytes that are not UTF-8', 'p\u00e4ss'],
  ])('gives later logins their own outcomes after a password with %s', async (_, password) => {
    const service = prosody.service('TCP');
    const logIn = (username: string, secret: string): Promise<LoginResult> =>
      login({ service, domain: 'example.com', username, password: secret });
    expect(await logIn(newUser(), password)).not.toEqual(ACCEPTED);
    const user = newUser();
    expect(await logIn(user, 'bad')).toEqual(REFUSED);
    expect(await logIn(user, tokenOf(`${user}@example.com`))).toEqual(ACCEPTED);
    expect(await logIn(user, 'bad')).toEqual(REFUSED);
  });

  it('counts and times its requests in the statistics of Prosody', async () => {
    await login({ service: prosody.service('TCP'), domain: 'example.com', username: 'a', password: 'bad' });
    const url = `http://127.0.0.1:${prosody.httpPort}/metrics`;
    const metrics = await (await fetch(url)).text();
    expect(metrics).toMatch(/xtoken__requests_total\{host="example.com",.*outcome="refused"\} [1-9]/);
    expect(metrics).toMatch(/xtoken__duration_seconds_count\{host="example.com",operation="auth"\} [1-9]/);
  });

  it('accepts tokens after a reload of its module', async () => {
    await prosody.reloadModule();
    const user = newUser();
    const token = tokenOf(`${user}@example.com`);
    const options = { service: prosody.service('TCP'), domain: 'example.com', username: user };
    expect(await login({ ...options, password: token })).toEqual(ACCEPTED);
    expect(await login({ ...options, password: token })).toEqual(REFUSED);
  });

  it.each(['event', 'select'] as const)('works with the network backend %s', async (networkBackend) => {
    const other = await Prosody.start({ release, socketPath: daemon.socketPath, networkBackend });
    onTestFinished(() => other.stop());
    const user = newUser();
    const options = { service: other.service('TCP'), domain: 'example.com', username: user };
    const token = tokenOf(`${user}@example.com`);
    expect(await login({ ...options, password: 'bad' })).toEqual(REFUSED);
    expect(await login({ ...options, password: token })).toEqual(ACCEPTED);
    expect(await login({ ...options, password: token })).toEqual(REFUSED);
    // Without libevent, Prosody logs that it falls back to another back end.
    expect(other.log).not.toMatch(/falling back/i);
  });
});
