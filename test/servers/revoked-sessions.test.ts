import type { Client } from '@xmpp/client';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BlockingDaemon } from '../support/daemon/blocking-daemon.js';
import { requirePackage } from '../support/run/requirements.js';
import { isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import {
  connect,
  leave,
  login,
  ping,
  type LoginResult,
  type Transport,
} from '../support/servers/xmpp-login.js';
import { ACCEPTED, DISABLED, newUser, tokenOf } from './logins.js';
import { logInOverBosh, logInUnbound, type RawSession } from './raw-sessions.js';

const ENDED = 'not-authorized - This account is disabled.';
/** In which the session of a blocked user must end. */
const IN_TIME = { timeout: 5000, interval: 20 };

describe.each(releases)('$name ends the open sessions of users', { timeout: 30_000 }, (release) => {
  let daemon: BlockingDaemon;
  let prosody: Prosody;

  beforeAll(async () => {
    if (!isInstalled(release)) return undefined;
    daemon = new BlockingDaemon();
    await daemon.start();
    const settings = 'modules_enabled = { "smacks", "bosh" }';
    prosody = await Prosody.start({ release, socketPath: daemon.socketPath, settings });
    return async () => {
      await prosody.stop();
      await daemon.remove();
    };
  });

  beforeEach((context) => {
    requirePackage(context, isInstalled(release), release.name);
  });

  const logIn = (username: string, transport: Transport): Promise<LoginResult> => {
    const password = tokenOf(`${username}@example.com`);
    return login({ service: prosody.service(transport), domain: 'example.com', username, password });
  };

  /** Logs a user in. Returns the client, and the error with which its stream ends. */
  const open = async (
    username: string,
    transport: Transport,
  ): Promise<{ client: Client; error: () => string | undefined }> => {
    const password = tokenOf(`${username}@example.com`);
    const client = await connect({
      service: prosody.service(transport),
      domain: 'example.com',
      username,
      password,
    });
    onTestFinished(() => leave(client));
    let error = '';
    let isOpen = true;
    client.on('error', (problem: unknown) => (error += String(problem)));
    client.on('disconnect', () => (isOpen = false));
    return { client, error: () => (isOpen ? undefined : error) };
  };

  const lineAbout = (user: string, sessions: string): string =>
    `ended ${sessions} of ${user}@example.com, because xtokend no longer accepts the user; see the log of xtokend`;

  describe.each(['TCP', 'WebSocket'] as const)('over %s', (transport) => {
    it('who are revoked, refuses them, and accepts them again after --undo', async () => {
      const [user, other] = [newUser(), newUser()];
      const sessions = [await open(user, transport), await open(user, transport)];
      const { client } = await open(other, transport);
      await daemon.revoke(user);
      for (const { error } of sessions) await expect.poll(error, IN_TIME).toContain(ENDED);
      await expect.poll(() => prosody.log).toContain(lineAbout(user, '2 sessions'));
      await expect
        .poll(() => daemon.log)
        .toMatch(new RegExp(`blocked user online .*jid="${user}@example.com"`));
      expect(await logIn(user, transport)).toEqual(DISABLED);
      await ping(client);
      await daemon.revoke(user, '--undo');
      expect(await logIn(user, transport)).toEqual(ACCEPTED);
      await ping(client);
      expect(prosody.log).not.toContain(`of ${other}@example.com, because`);
    });

    it('whose names get into blocked_users', async () => {
      const [user, other] = [newUser(), newUser()];
      const { error } = await open(user, transport);
      const { client } = await open(other, transport);
      daemon.block(user);
      await expect.poll(error, IN_TIME).toContain(ENDED);
      expect(await logIn(user, transport)).toEqual(DISABLED);
      await ping(client);
      daemon.block();
      expect(await logIn(user, transport)).toEqual(ACCEPTED);
    });

    it('whose sessions wait to be resumed', async () => {
      const user = newUser();
      const { client } = await open(user, transport);
      client.socket?.end();
      await expect.poll(() => prosody.shell('c2s', 'show')).toMatch(new RegExp(`${user}@.*hibernating`));
      await daemon.revoke(user);
      await expect.poll(() => prosody.log, IN_TIME).toContain(lineAbout(user, '1 session'));
      await expect.poll(() => prosody.shell('c2s', 'show')).not.toContain(user);
    });
  });

  it.each([
    ['over TCP who have bound no resource', logInUnbound],
    ['over BOSH', logInOverBosh],
  ])('%s, after a reload of the module as well', async (_, logInRaw) => {
    const user = newUser();
    const start = (): Promise<RawSession> => logInRaw(prosody, user, tokenOf(`${user}@example.com`));
    for (const isReloaded of [false, true]) {
      const { received } = await start();
      if (isReloaded) await prosody.reloadModule();
      await daemon.revoke(user);
      await expect
        .poll(received, IN_TIME)
        .toMatch(/<stream:error.*<not-authorized.*This account is disabled\./);
      await expect.poll(() => prosody.shell('c2s', 'show')).not.toContain(user);
      await daemon.revoke(user, '--undo');
    }
  });

  it('who were revoked while xtokend was down', async () => {
    const user = newUser();
    const { error } = await open(user, 'TCP');
    await daemon.end('SIGTERM');
    await daemon.revoke(user);
    await daemon.start();
    await expect.poll(error, IN_TIME).toContain(ENDED);
  });
});
