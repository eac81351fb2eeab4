import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Daemon } from '../support/daemon.js';
import { isInstalled, Prosody, releases } from '../support/prosody.js';
import { requirePackage } from '../support/requirement.js';
import { login, type LoginResult } from '../support/xmpp-login.js';
import {
  ACCEPTED,
  BAD_CREDENTIALS,
  CONFIGURATION,
  decisionsIn,
  newUser,
  otherTokenOf,
  REFUSED,
  tokenOf,
} from './logins.js';

const ways = (['PLAIN', 'X-TOKEN'] as const).flatMap((mechanism) =>
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

  describe.each(ways)('$mechanism over $transport', ({ mechanism, transport }) => {
    const logIn = (username: string, domain: string, password: string): Promise<LoginResult> =>
      login({ service: prosody.service(transport), domain, username, password, mechanism });

    /** xtokend answers before it writes its log. */
    const expectDecisions = (user: string, decisions: string[]): Promise<void> =>
      expect.poll(() => decisionsIn(daemon.log, `${user}@example.com`)).toEqual(decisions);

    it('takes a token once', async () => {
      const user = newUser();
      const token = tokenOf(`${user}@example.com`);
      expect(await logIn(user, 'example.com', token)).toEqual(ACCEPTED);
      expect(await logIn(user, 'example.com', token)).toEqual(REFUSED);
      await expectDecisions(user, ['accepted', 'replayed']);
    });

    it("says in Prosody's own log whose login was refused, once, and where the reason is", async () => {
      const user = newUser();
      expect(await logIn(user, 'example.com', tokenOf(`${user}@example.com`))).toEqual(ACCEPTED);
      expect(await logIn(user, 'example.com', 'some-password')).toEqual(REFUSED);
      const line = new RegExp(
        `info\\s+xtokend refused the login of ${user}@example.com; its log has the reason: .*`,
        'g',
      );
      await expect.poll(() => prosody.log.match(line)).toHaveLength(1);
      expect(prosody.log).not.toContain('some-password');
    });

    it.each(BAD_CREDENTIALS)('refuses %s', async (_, reason, make) => {
      const user = newUser();
      expect(await logIn(user, 'example.com', make(`${user}@example.com`))).toEqual(REFUSED);
      await expectDecisions(user, [reason]);
    });

    it('takes for each host the tokens of its own secrets only', async () => {
      const user = newUser();
      expect(await logIn(user, 'other.example', tokenOf(`${user}@other.example`))).toEqual(REFUSED);
      expect(await logIn(user, 'other.example', otherTokenOf(`${user}@other.example`))).toEqual(ACCEPTED);
      expect(await logIn(user, 'example.com', otherTokenOf(`${user}@example.com`))).toEqual(REFUSED);
    });
  });

  it('gives each of 200 simultaneous logins its own verdict', { timeout: 60_000 }, async () => {
    const logins = Array.from({ length: 200 }, async (_, index) => {
      const user = newUser();
      const [, , makeBad] = BAD_CREDENTIALS[index % BAD_CREDENTIALS.length] ?? ['', '', tokenOf];
      const isGood = index % 2 === 0;
      const password = (isGood ? tokenOf : makeBad)(`${user}@example.com`);
      const way = ways[index % ways.length];
      const service = prosody.service(way?.transport ?? 'TCP');
      const result = await login({ ...way, service, domain: 'example.com', username: user, password });
      return { isGood, result };
    });
    for (const { isGood, result } of await Promise.all(logins)) {
      expect(result).toEqual(isGood ? ACCEPTED : REFUSED);
    }
  });

  it.each([
    ['line breaks', 'x\nauth:mallory:example.com:y'],
    ['a carriage return', 'x\ry'],
    ['a colon more', 'x:y:z'],
    ['more bytes than xtokend reads', 'x'.repeat(5000)],
    ['bytes that are not UTF-8', 'p\u00e4ss'],
  ])('keeps its answers in order after a password with %s', async (_, password) => {
    const service = prosody.service('TCP');
    const logIn = (username: string, secret: string): Promise<LoginResult> =>
      login({ service, domain: 'example.com', username, password: secret });
    expect(await logIn(newUser(), password)).not.toEqual(ACCEPTED);
    const user = newUser();
    expect(await logIn(user, 'bad')).toEqual(REFUSED);
    expect(await logIn(user, tokenOf(`${user}@example.com`))).toEqual(ACCEPTED);
    expect(await logIn(user, 'bad')).toEqual(REFUSED);
  });

  it('counts and times what it asks in the statistics of Prosody', async () => {
    await login({ service: prosody.service('TCP'), domain: 'example.com', username: 'a', password: 'bad' });
    const url = `http://127.0.0.1:${prosody.httpPort}/metrics`;
    const metrics = await (await fetch(url)).text();
    expect(metrics).toMatch(/xtoken__requests_total\{host="example.com",.*outcome="refused"\} [1-9]/);
    expect(metrics).toMatch(/xtoken__duration_seconds_count\{host="example.com",operation="auth"\} [1-9]/);
  });

  it('goes on after its module was reloaded', async () => {
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
    // Without libevent it would take another, and say so.
    expect(other.log).not.toMatch(/falling back/i);
  });
});
