import { copyFileSync } from 'node:fs';
import { connect as connectTo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { xml } from '@xmpp/client';
import { Daemon } from '../support/daemon/daemon.js';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { replaced } from '../support/documents.js';
import { exampleFor, isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { requirePackage } from '../support/run/requirements.js';
import { connect, ping, type LoginResult } from '../support/servers/xmpp-login.js';
import { accepts } from '../support/system/ports.js';
import { end } from '../support/system/processes.js';
import { startXtokend } from '../support/xtokend.js';
import { answerNative, listenAt } from './fake-xtokend.js';
import { ACCEPTED, CONFIGURATION, loginsTo, newUser, REFUSED, tokenOf, UNAVAILABLE } from './logins.js';

const POLLING = { interval: 10 };
const WORKERS = 12;

function errorsIn(log: string): string[] {
  return log.split('\n').filter((line) => line.includes('xtokend does not answer'));
}

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

  const { logIn, logInValid, logInInvalid } = loginsTo(() => prosody);
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
    expect(errorsIn(prosody.log)).toEqual([expect.stringContaining('systemctl status xtokend')]);
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
    ['another protocol', 'HTTP/1.1 400 Bad Request\r\n', 'another program or protocol listens there'],
    ['the generic protocol', '0\n', 'the socket is set to the generic protocol'],
    ['another version', 'VERSION\t2\t0\n', 'it speaks version 2 of the protocol, not 1'],
    ['answers without a request', 'VERSION\t1\t0\nOK\t1\n', 'its answer is invalid, or matches no request'],
  ])('refuses logins and logs what to do if the socket sends %s', async (_, bytes, problem) => {
    await daemon.end('SIGTERM');
    await listenAt(daemon.socketPath, (socket) => {
      socket.once('data', () => socket.write(bytes));
    });
    for (let round = 0; round < 3; round += 1) expect(await logInInvalid()).toEqual(UNAVAILABLE);
    expect(errorsIn(prosody.log)).toEqual([expect.stringContaining(problem)]);
  });

  it.each([
    ['generic', 'Remove protocol=generic from --listen, or FileDescriptorName=generic from xtokend.socket'],
    ['ejabberd', 'the socket may have protocol=ejabberd'],
  ])('logs what to do if the socket is pinned to %s', async (protocol, fix) => {
    await daemon.end('SIGTERM');
    const address = `unix:${daemon.socketPath},protocol=${protocol}`;
    const pinned = startXtokend(['--config', temporaryFile(CONFIGURATION), '--listen', address]);
    onTestFinished(() => end(pinned));
    await expect.poll(() => accepts({ path: daemon.socketPath })).toBe(true);
    expect(await logInValid()).toEqual(UNAVAILABLE);
    await expect.poll(() => errorsIn(prosody.log)).toEqual([expect.stringContaining(fix)]);
  });

  it('gives other logins their outcomes while one waits', async () => {
    await daemon.end('SIGTERM');
    await listenAt(daemon.socketPath, (socket) => {
      answerNative(socket, ({ id, user }, write) => {
        if (user.startsWith('slow')) setTimeout(write, 1000, `OK\t${id}`);
        else if (!user.startsWith('hanging')) write(`OK\t${id}`);
      });
    });
    const order: string[] = [];
    const logInAs = async (user: string): Promise<LoginResult> => {
      const result = await logIn(user, 'some-token');
      order.push(user);
      return result;
    };
    const waiting = [logInAs('hanging'), logInAs('slow')];
    await expect.poll(() => prosody.log.split('<auth ').length, POLLING).toBe(3);
    for (const user of ['alice', 'bob', 'carol']) expect(await logInAs(user)).toEqual(ACCEPTED);
    expect(await Promise.all(waiting)).toEqual([UNAVAILABLE, ACCEPTED]);
    expect(order).toEqual(['alice', 'bob', 'carol', 'slow', 'hanging']);
    // The connection stays open, since others were answered.
    expect(errorsIn(prosody.log)).toEqual([]);
    expect(await logInAs('dave')).toEqual(ACCEPTED);
  });

  it('names the file that is not installed', async () => {
    const modules = temporaryDirectory();
    copyFileSync('prosody/mod_auth_xtoken.lua', join(modules, 'mod_auth_xtoken.lua'));
    const configuration = replaced(exampleFor(daemon.socketPath), resolve('prosody'), modules);
    const other = await Prosody.start({ release, configuration });
    onTestFinished(() => other.stop());
    expect(other.log).toMatch(/error.*install xtoken_client.lib.lua next to mod_auth_xtoken.lua/);
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
