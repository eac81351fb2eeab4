import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@xmpp/client';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BlockingDaemon } from '../support/daemon/blocking-daemon.js';
import { requirePackage } from '../support/run/requirements.js';
import { fastConfiguration, FastDevice } from '../support/servers/fast-device.js';
import { COMMUNITY_MODULES, isInstalled, Prosody, PROSODY_13_0 } from '../support/servers/prosody.js';
import { ping } from '../support/servers/xmpp-login.js';
import { newUser, outcomesIn, tokenOf } from './logins.js';

const FAST = 'authenticate HT-SHA-256-NONE';
const TOKEN = 'authenticate PLAIN';
const NO_TOKEN = (): string => 'none';

describe.each(['TCP', 'WebSocket'] as const)(
  'a client of Prosody 13.0 with SASL2 and FAST over %s',
  (transport) => {
    let daemon: BlockingDaemon;
    let prosody: Prosody;

    beforeAll(async () => {
      if (!isInstalled(PROSODY_13_0) || !existsSync(COMMUNITY_MODULES)) return undefined;
      daemon = new BlockingDaemon();
      await daemon.start();
      const settings = `xtoken_socket = "${daemon.socketPath}"\nxtoken_timeout = 1`;
      prosody = await Prosody.start({ release: PROSODY_13_0, configuration: fastConfiguration(), settings });
      return async () => {
        await prosody.stop();
        await daemon.remove();
      };
    });

    beforeEach((context) => {
      requirePackage(context, isInstalled(PROSODY_13_0), PROSODY_13_0.name);
      requirePackage(context, existsSync(COMMUNITY_MODULES), 'prosody-modules');
    });

    const connect = async (device: FastDevice, passwordOf = NO_TOKEN): Promise<Client> => {
      const client = await device.connect(prosody.service(transport), passwordOf);
      onTestFinished(async () => {
        client.reconnect.stop();
        if (client.socket !== null) await client.stop();
      });
      return client;
    };

    /** Logs a new user in with a token, and returns a function that mints more. */
    const enroll = async (): Promise<{ user: string; device: FastDevice; mint: () => string }> => {
      const user = newUser();
      const device = new FastDevice(user, 'example.com');
      const mint = (): string => tokenOf(`${user}@example.com`);
      const client = await connect(device, mint);
      expect(device.outcome).toEqual([TOKEN, 'success']);
      await client.stop();
      return { user, device, mint };
    };

    it('reconnects without a token, after a restart of Prosody as well', async () => {
      const { user, device } = await enroll();
      for (let count = 0; count < 2; count += 1) {
        const client = await connect(device);
        expect(device.outcome).toEqual([FAST, 'success']);
        await ping(client);
        await client.stop();
        if (count === 0) await prosody.restart();
      }
      expect(outcomesIn(daemon.log, `${user}@example.com`)).toEqual(['accepted']);
    });

    it.each([
      ['FAST', FAST],
      ['a new token', TOKEN],
    ])('resumes its session by %s after the connection is lost', async (_, mechanism) => {
      const { device, mint } = await enroll();
      const client = await connect(device, mint);
      if (mechanism === TOKEN) device.token = undefined;
      device.steps = [];
      client.socket?.end();
      await expect.poll(() => device.outcome).toEqual([mechanism, 'success resumed']);
      // Prosody would not read from the connection if the login had left it paused.
      await ping(client);
    });

    it.each([
      ['a new connection', false],
      ['the resumption of a session', true],
    ])('is refused on %s before anything else if the user is blocked meanwhile', async (_, isResumption) => {
      const { user, device, mint } = await enroll();
      const client = isResumption ? await connect(device, mint) : undefined;
      daemon.block(user);
      device.steps = [];
      const offset = prosody.log.length;
      if (client === undefined) await expect(connect(device, mint)).rejects.toThrow('account-disabled');
      else client.socket?.end();
      await expect
        .poll(() => device.outcome)
        .toEqual([FAST, 'failure account-disabled', TOKEN, 'failure account-disabled']);
      expect(device.steps[0]?.includes('<resume ')).toBe(isResumption);
      const log = prosody.log.slice(offset);
      expect(log).toContain(`xtokend refused the login of ${user}@example.com from 127.0.0.1: blocked-user`);
      expect(log).not.toContain(`Authenticated as ${user}@example.com`);
      client?.reconnect.stop();
      daemon.block();
      await connect(device);
      expect(device.outcome).toEqual([FAST, 'success']);
    });

    it('is disconnected within 5 s if the user is revoked, and its FAST token is void for good', async () => {
      const { user, device, mint } = await enroll();
      const client = await connect(device, mint);
      expect(device.outcome).toEqual([FAST, 'success']);
      device.steps = [];
      await daemon.revoke(user);
      await expect
        .poll(() => device.outcome, { timeout: 5000 })
        .toEqual([FAST, 'failure account-disabled', TOKEN, 'failure account-disabled']);
      await expect.poll(() => prosody.log).toContain(`ended 1 session of ${user}@example.com`);
      client.reconnect.stop();
      await client.stop();
      // FAST tokens that are issued in this time count as revoked.
      await sleep(2000);
      await daemon.revoke(user, '--undo');
      expect(device.token).toBeDefined();
      await connect(device, mint);
      expect(device.outcome).toEqual([FAST, 'failure credentials-expired', TOKEN, 'success']);
      await connect(device);
      expect(device.outcome).toEqual([FAST, 'success']);
    });

    it('can not resume the session of a user who was revoked in the meantime', async () => {
      const { user, device, mint } = await enroll();
      const client = await connect(device, mint);
      client.reconnect.stop();
      client.socket?.end();
      await expect.poll(() => client.socket).toBeNull();
      await daemon.revoke(user);
      await expect
        .poll(() => prosody.log, { timeout: 5000 })
        .toContain(`ended 1 session of ${user}@example.com`);
      await daemon.revoke(user, '--undo');
      device.steps = [];
      await client.reconnect.reconnect();
      await expect
        .poll(() => device.outcome)
        .toEqual([FAST, 'failure credentials-expired', TOKEN, 'success']);
      expect(device.steps[0]).toContain('<resume ');
    });

    it.each([
      ['delivers what a user', false],
      ['does not deliver what a blocked user', true],
    ])('%s sends together with a login', async (_, isBlocked) => {
      const { user, device } = await enroll();
      const friend = await connect((await enroll()).device);
      const received: string[] = [];
      friend.on('element', ({ name }) => {
        if (name === 'message') received.push(name);
      });
      device.pipelined = `<message xmlns="jabber:client" to="${String(friend.jid)}"><body>hi</body></message>`;
      if (isBlocked) daemon.block(user);
      await connect(device).catch(() => undefined);
      daemon.block();
      await ping(friend);
      expect(received).toEqual(isBlocked ? [] : ['message']);
      expect(device.outcome.includes('success')).toBe(!isBlocked);
    });

    it('is refused while xtokend is down, and can keep its FAST token', async () => {
      const { device } = await enroll();
      await daemon.end();
      await expect(connect(device)).rejects.toThrow('temporary-auth-failure');
      expect(device.outcome.slice(0, 2)).toEqual([FAST, 'failure temporary-auth-failure']);
      await daemon.start();
      await connect(device);
      expect(device.outcome).toEqual([FAST, 'success']);
    });
  },
);
