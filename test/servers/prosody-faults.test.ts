import { once } from 'node:events';
import { createServer, connect as connectTo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { xml } from '@xmpp/client';
import { Daemon } from '../support/daemon/daemon.js';
import { isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { requirePackage } from '../support/run/requirements.js';
import { connect, ping, type LoginResult } from '../support/servers/xmpp-login.js';
import { ACCEPTED, CONFIGURATION, loginsTo, newUser, REFUSED, tokenOf, UNAVAILABLE } from './logins.js';

const POLLING = { interval: 10 };
const WORKERS = 12;

describe.each(releases)('$name during faults of xtokend', { timeout: 60_000 }, (release) => {
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

  const { logInValid, logInInvalid } = loginsTo(() => prosody);
  const connectUser = (): ReturnType<typeof connect> => {
    const username = newUser();
    const password = tokenOf(`${username}@example.com`);
    return connect({ service: prosody.service('TCP'), domain: 'example.com', username, password });
  };

  /** Starts a Prosody that waits longer for xtokend than a busy machine takes to start it. */
  const startPatientProsody = async (): Promise<Prosody> => {
    const settings = 'xtoken_timeout = 12';
    const patient = await Prosody.start({ release, socketPath: daemon.socketPath, settings });
    onTestFinished(() => patient.stop());
    return patient;
  };

  it('gives no login a wrong outcome while xtokend is killed and restarted under load', async () => {
    const patient = await startPatientProsody();
    const logins = loginsTo(() => patient);
    const seen: { isValid: boolean; result: LoginResult }[] = [];
    const stop = new AbortController();
    const workers = Array.from({ length: WORKERS }, async (_, worker) => {
      while (!stop.signal.aborted) {
        const isValid = (worker + seen.length) % 2 === 0;
        seen.push({ isValid, result: await (isValid ? logins.logInValid() : logins.logInInvalid()) });
      }
    });
    for (let round = 0; round < 6; round += 1) {
      await sleep(200);
      await daemon.end(round % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
      await sleep(round * 50);
      await daemon.start();
      // New logins get an outcome at once; they do not wait for earlier ones.
      expect(await logins.logInValid()).toEqual(ACCEPTED);
    }
    stop.abort();
    await Promise.all(workers);
    expect(
      seen.filter(({ isValid, result }) => isValid && result.decision === 'accepted').length,
    ).toBeGreaterThan(50);
    for (const { isValid, result } of seen) {
      expect([isValid ? ACCEPTED : REFUSED, UNAVAILABLE]).toContainEqual(result);
    }
  });

  it('serves connected users while xtokend hangs, and refuses logins with a temporary error', async () => {
    const client = await connectUser();
    daemon.signal('SIGSTOP');
    const waiting = Promise.all(Array.from({ length: 20 }, logInValid));
    const pings: number[] = [];
    const answered = new AbortController();
    const done = waiting.finally(() => {
      answered.abort();
    });
    while (!answered.signal.aborted) pings.push(await ping(client));
    expect(await done).toEqual(Array.from({ length: 20 }, () => UNAVAILABLE));
    // If Prosody itself waited, it would wait for 2 s.
    expect(Math.max(...pings)).toBeLessThan(1900);
    expect(pings.length).toBeGreaterThan(20);
    expect(prosody.log).toContain(`xtokend does not answer at ${daemon.socketPath}: no answer within 2 s`);
    daemon.signal('SIGCONT');
    // Late answers arrive on a connection that the module has closed.
    for (let round = 0; round < 5; round += 1) {
      expect(await logInInvalid()).toEqual(REFUSED);
      expect(await logInValid()).toEqual(ACCEPTED);
    }
    expect(prosody.log).toContain('xtokend answers again');
    await client.stop();
  });

  it('refuses logins with a temporary error while xtokend is not running, and logs once what to do', async () => {
    await daemon.end('SIGTERM');
    expect(await Promise.all([logInValid(), logInInvalid()])).toEqual([UNAVAILABLE, UNAVAILABLE]);
    expect(await logInValid()).toEqual(UNAVAILABLE);
    const errors = prosody.log.split('\n').filter((line) => line.includes('xtokend does not answer'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain('systemctl status xtokend');
    await daemon.start();
    await expect.poll(logInValid, POLLING).toEqual(ACCEPTED);
  });

  it('keeps serving a user who sends messages to unknown users while xtokend is not running', async () => {
    const client = await connectUser();
    await daemon.end();
    expect(await logInValid()).toEqual(UNAVAILABLE);
    const body = xml('body', {}, 'Hello');
    for (const unknown of ['a', 'b', 'c']) {
      await client.send(xml('message', { to: `${unknown}@example.com`, type: 'chat' }, body));
    }
    expect(await ping(client)).toBeLessThan(1900);
    await client.stop();
  });

  it('accepts a waiting login as soon as xtokend has started', async () => {
    const patient = await startPatientProsody();
    await daemon.end();
    const waiting = loginsTo(() => patient).logInValid();
    await expect.poll(() => patient.log.split('<auth ').length, POLLING).toBeGreaterThan(1);
    await daemon.start();
    expect(await waiting).toEqual(ACCEPTED);
  });

  it('refuses waiting logins if its module is reloaded, and accepts later ones', async () => {
    daemon.signal('SIGSTOP');
    const waiting = logInValid();
    await expect.poll(() => prosody.log.split('<auth ').length, POLLING).toBeGreaterThan(1);
    await prosody.reloadModule();
    expect(await waiting).toEqual(UNAVAILABLE);
    daemon.signal('SIGCONT');
    expect(await logInValid()).toEqual(ACCEPTED);
  });

  it.each([
    ['another protocol', 'HTTP/1.1 400 Bad Request\r\n'],
    ['answers without a request', '1\n1\n1\n'],
    ['the other framing', '\0\x02\0\x01'],
  ])('refuses every login if the socket sends %s', async (_, garbage) => {
    await daemon.end('SIGTERM');
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      // A valid answer to the first request, and then too much.
      socket.once('data', () => socket.write(`0\n${garbage}`));
      socket.on('error', () => undefined);
    }).listen(daemon.socketPath);
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    for (let round = 0; round < 3; round += 1) expect(await logInInvalid()).not.toEqual(ACCEPTED);
    expect(prosody.log).toContain('invalid answer: another program listens there');
  });

  it('offers no mechanism for tokens on an unencrypted connection', async () => {
    const socket = connectTo(prosody.c2sPort, '127.0.0.1');
    const stream = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
    socket.write(`${stream} to='strict.example' version='1.0'>`);
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += String(data)));
    await expect.poll(() => answer, POLLING).toContain('No stream features to proceed with');
    socket.destroy();
  });
});
