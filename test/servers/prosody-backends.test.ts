import type { Socket } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { requirePackage } from '../support/run/requirements.js';
import { isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { login } from '../support/servers/xmpp-login.js';
import { answerNative, listenAt } from './fake-xtokend.js';
import { ACCEPTED, newUser } from './logins.js';

const POLLING = { interval: 10, timeout: 20_000 };
const LOGINS = 300;
/** Together, the requests need more than the send buffer of a Unix socket. SASLprep refuses 1,024 bytes. */
const PASSWORD_BYTES = 1000;

describe.each(releases)('$name with a socket that is full', { timeout: 60_000 }, (release) => {
  beforeEach((context) => {
    requirePackage(context, isInstalled(release), release.name);
  });

  it.each(['epoll', 'event', 'select'] as const)('loses no request with %s', async (networkBackend) => {
    const socketPath = join(temporaryDirectory(), 'xtokend.sock');
    const sockets: Socket[] = [];
    await listenAt(socketPath, (socket) => sockets.push(socket));
    const settings = 'xtoken_timeout = 30';
    const prosody = await Prosody.start({ release, socketPath, settings, networkBackend });
    onTestFinished(() => prosody.stop());
    const logIn = (): Promise<unknown> => {
      const username = newUser();
      const service = prosody.service('TCP');
      return login({ service, domain: 'example.com', username, password: passwordOf(username) });
    };
    const logins = Promise.all(Array.from({ length: LOGINS }, logIn));
    // All of them wait for the handshake, so the module sends them at once after that.
    await expect.poll(() => prosody.log.split('<auth ').length - 1, POLLING).toBe(LOGINS);
    const [socket] = sockets;
    if (socket === undefined) throw new Error('expected a connection');
    const received: number[] = [];
    answerNative(socket, ({ id, user, fields }, write) => {
      received.push(Number(id));
      if (received.length === 1) socket.pause();
      write(fields[2] === `password=${passwordOf(user)}` ? `OK\t${id}` : `FAIL\t${id}\treason=damaged`);
    });
    await expect.poll(() => received.length, POLLING).toBeGreaterThan(0);
    const later = logIn();
    await expect.poll(() => prosody.log.split('<auth ').length - 1, POLLING).toBe(LOGINS + 1);
    expect(received.length).toBeLessThan(LOGINS);
    socket.resume();
    expect(await logins).toEqual(Array.from({ length: LOGINS }, () => ACCEPTED));
    expect(await later).toEqual(ACCEPTED);
    expect(received).toHaveLength(LOGINS + 1);
    expect(received).toEqual(received.toSorted((one, other) => one - other));
    expect(sockets).toHaveLength(1);
  });
});

function passwordOf(user: string): string {
  return user.repeat(Math.ceil(PASSWORD_BYTES / user.length)).slice(0, PASSWORD_BYTES);
}
