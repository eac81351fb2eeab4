import { once } from 'node:events';
import { createServer, connect as connectTo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { xml } from '@xmpp/client';
import { Daemon } from '../support/daemon.js';
import { isInstalled, Prosody, releases } from '../support/prosody.js';
import { requirePackage } from '../support/requirement.js';
import { connect, login, ping, type LoginResult } from '../support/xmpp-login.js';
import { ACCEPTED, CONFIGURATION, newUser, REFUSED, tokenOf, UNAVAILABLE } from './logins.js';

/** Other tests may keep the machine busy. */
const PATIENTLY = { timeout: 10_000, interval: 10 };
const WORKERS = 12;

describe.each(releases)('$name while xtokend is in trouble', { timeout: 60_000 }, (release) => {
  let daemon: Daemon;
  let prosody: Prosody;

  beforeEach(async (context) => {
    requirePackage(context, isInstalled(release), release.name);
    daemon = new Daemon(CONFIGURATION);
    await daemon.start();
    const settings = 'xtoken_timeout = 2';
    const more =
      'VirtualHost "strict.example" authentication = "xtoken" allow_unencrypted_plain_auth = false';
    prosody = await Prosody.start({ release, socketPath: daemon.socketPath, settings, more });
  });

  afterEach(async () => {
    await prosody.stop();
    await daemon.remove();
  });

  const logIn = (username: string, password: string): Promise<LoginResult> =>
    login({ service: prosody.service('TCP'), domain: 'example.com', username, password });
  const logInWell = (): Promise<LoginResult> => {
    const user = newUser();
    return logIn(user, tokenOf(`${user}@example.com`));
  };
  const logInBadly = (): Promise<LoginResult> => logIn(newUser(), tokenOf('mallory@example.com'));

  it('gives no wrong verdict while xtokend is killed and started again under load', async () => {
    const seen: { isGood: boolean; result: LoginResult }[] = [];
    const stop = new AbortController();
    const workers = Array.from({ length: WORKERS }, async (_, worker) => {
      while (!stop.signal.aborted) {
        const isGood = (worker + seen.length) % 2 === 0;
        seen.push({ isGood, result: await (isGood ? logInWell() : logInBadly()) });
      }
    });
    for (let round = 0; round < 6; round += 1) {
      await sleep(200);
      await daemon.end(round % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
      await sleep(round * 50);
      await daemon.start();
      // From now on new logins are decided again; they do not even wait for those of before.
      expect(await logInWell()).toEqual(ACCEPTED);
    }
    stop.abort();
    await Promise.all(workers);
    expect(
      seen.filter(({ isGood, result }) => isGood && result.decision === 'accepted').length,
    ).toBeGreaterThan(50);
    for (const { isGood, result } of seen) {
      expect([isGood ? ACCEPTED : REFUSED, UNAVAILABLE]).toContainEqual(result);
    }
  });

  it('serves those who are logged in while xtokend hangs, and refuses logins as temporary', async () => {
    const user = newUser();
    const client = await connect({
      service: prosody.service('TCP'),
      domain: 'example.com',
      username: user,
      password: tokenOf(`${user}@example.com`),
    });
    daemon.signal('SIGSTOP');
    const waiting = Promise.all(Array.from({ length: 20 }, logInWell));
    const pings: number[] = [];
    const answered = new AbortController();
    const done = waiting.finally(() => {
      answered.abort();
    });
    while (!answered.signal.aborted) pings.push(await ping(client));
    expect(await done).toEqual(Array.from({ length: 20 }, () => UNAVAILABLE));
    // Prosody itself would have waited for 2 s.
    expect(Math.max(...pings)).toBeLessThan(1900);
    expect(pings.length).toBeGreaterThan(20);
    expect(prosody.log).toContain(`xtokend does not answer at ${daemon.socketPath}: no answer within 2 s`);
    daemon.signal('SIGCONT');
    // What it was asked while it hung is answered on a connection that nobody reads.
    for (let round = 0; round < 5; round += 1) {
      expect(await logInBadly()).toEqual(REFUSED);
      expect(await logInWell()).toEqual(ACCEPTED);
    }
    expect(prosody.log).toContain('xtokend answers again');
    await client.stop();
  });

  it('refuses logins as temporary while there is no xtokend, and says once what to do', async () => {
    await daemon.end('SIGTERM');
    expect(await Promise.all([logInWell(), logInBadly()])).toEqual([UNAVAILABLE, UNAVAILABLE]);
    expect(await logInWell()).toEqual(UNAVAILABLE);
    const said = prosody.log.split('\n').filter((line) => line.includes('xtokend does not answer'));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('systemctl status xtokend');
    await daemon.start();
    await expect.poll(logInWell, PATIENTLY).toEqual(ACCEPTED);
  });

  it('does not keep a user waiting who writes to somebody who is offline', async () => {
    const user = newUser();
    const password = tokenOf(`${user}@example.com`);
    const service = prosody.service('TCP');
    const client = await connect({ service, domain: 'example.com', username: user, password });
    await daemon.end();
    expect(await logInWell()).toEqual(UNAVAILABLE);
    const body = xml('body', {}, 'Hello');
    for (const nobody of ['a', 'b', 'c']) {
      await client.send(xml('message', { to: `${nobody}@example.com`, type: 'chat' }, body));
    }
    expect(await ping(client)).toBeLessThan(1900);
    await client.stop();
  });

  it('lets a login that waits for xtokend in as soon as that is there', async () => {
    await daemon.end();
    const waiting = logInWell();
    await sleep(300);
    await daemon.start();
    expect(await waiting).toEqual(ACCEPTED);
  });

  it('fails what waits when its module is reloaded, and goes on', async () => {
    daemon.signal('SIGSTOP');
    const waiting = logInWell();
    await expect.poll(() => prosody.log.split('<auth ').length, PATIENTLY).toBeGreaterThan(1);
    await prosody.reloadModule();
    expect(await waiting).toEqual(UNAVAILABLE);
    daemon.signal('SIGCONT');
    expect(await logInWell()).toEqual(ACCEPTED);
  });

  it.each([
    ['something else', 'HTTP/1.1 400 Bad Request\r\n'],
    ['answers that nobody asked for', '1\n1\n1\n'],
    ['the other framing', '\0\x02\0\x01'],
  ])('lets nobody in where the socket gives %s', async (_, garbage) => {
    await daemon.end('SIGTERM');
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      // The first request gets its answer in due form: a verdict of "no", and then too much.
      socket.once('data', () => socket.write(`0\n${garbage}`));
      socket.on('error', () => undefined);
    }).listen(daemon.socketPath);
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    for (let round = 0; round < 3; round += 1) expect(await logInBadly()).not.toEqual(ACCEPTED);
    expect(prosody.log).toContain('invalid answer: another program listens there');
  });

  it('offers no way to log in with a token on a connection that is not encrypted', async () => {
    const socket = connectTo(prosody.c2sPort, '127.0.0.1');
    const stream = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
    socket.write(`${stream} to='strict.example' version='1.0'>`);
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += String(data)));
    await expect.poll(() => answer, PATIENTLY).toContain('No stream features to proceed with');
    socket.destroy();
  });
});
