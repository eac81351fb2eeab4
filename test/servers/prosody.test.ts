import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Daemon } from '../support/daemon/daemon.js';
import { isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { requirePackage } from '../support/run/requirements.js';
import { login, type LoginResult } from '../support/servers/xmpp-login.js';
import {
  ACCEPTED,
  BAD_CREDENTIALS,
  CONFIGURATION,
  EXPIRED,
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
      expect(await logIn(user, 'example.com', token)).toEqual(EXPIRED);
      await expectOutcomes(user, ['accepted', 'replayed']);
    });

    it.each(BAD_CREDENTIALS)('refuses %s', async (_, reason, make, result) => {
      const user = newUser();
      expect(await logIn(user, 'example.com', make(`${user}@example.com`))).toEqual(result);
      await expectOutcomes(user, [reason]);
    });

    it('accepts only tokens that the secrets of the host signed', async () => {
      const user = newUser();
      expect(await logIn(user, 'other.example', tokenOf(`${user}@other.example`))).toEqual(REFUSED);
      expect(await logIn(user, 'other.example', otherTokenOf(`${user}@other.example`))).toEqual(ACCEPTED);
      expect(await logIn(user, 'example.com', otherTokenOf(`${user}@example.com`))).toEqual(REFUSED);
    });
  });

  it('gives each of 204 simultaneous logins its own outcome', { timeout: 60_000 }, async () => {
    const kinds = BAD_CREDENTIALS.flatMap(([, , make, expected]) => [
      { make, expected },
      { make: tokenOf, expected: ACCEPTED },
    ]);
    const logins = Array.from({ length: 34 }, () => kinds).flat();
    const results = logins.map(({ make }, index) => {
      const username = newUser();
      const mode = modes[index % modes.length];
      const service = prosody.service(mode?.transport ?? 'TCP');
      return login({
        ...mode,
        service,
        domain: 'example.com',
        username,
        password: make(`${username}@example.com`),
      });
    });
    expect(await Promise.all(results)).toEqual(logins.map(({ expected }) => expected));
  });

  it.each([
    ['line breaks', 'x\nAUTH\t2\tmallory\texample.com\tpassword=y'],
    ['a carriage return', 'x\ry'],
    ['an escape character', 'x\u0001y'],
    ['more equals signs', 'x=y=z'],
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
    expect(await login({ ...options, password: token })).toEqual(EXPIRED);
  });

  it.each(['event', 'select'] as const)('works with the network backend %s', async (networkBackend) => {
    const other = await Prosody.start({ release, socketPath: daemon.socketPath, networkBackend });
    onTestFinished(() => other.stop());
    const user = newUser();
    const options = { service: other.service('TCP'), domain: 'example.com', username: user };
    const token = tokenOf(`${user}@example.com`);
    expect(await login({ ...options, password: 'bad' })).toEqual(REFUSED);
    expect(await login({ ...options, password: token })).toEqual(ACCEPTED);
    expect(await login({ ...options, password: token })).toEqual(EXPIRED);
    // Without libevent, Prosody logs that it falls back to another back end.
    expect(other.log).not.toMatch(/falling back/i);
  });
});
