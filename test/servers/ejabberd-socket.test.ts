import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Daemon } from '../support/daemon/daemon.js';
import { requirePackage } from '../support/run/requirements.js';
import { Ejabberd, hasEjabberd } from '../support/servers/ejabberd.js';
import { login, type LoginResult, type Transport } from '../support/servers/xmpp-login.js';
import { survivorsOf } from '../support/system/processes.js';
import {
  ACCEPTED,
  BAD_CREDENTIALS,
  CONFIGURATION,
  loginsTo,
  newUser,
  otherTokenOf,
  outcomesIn,
  REFUSED,
  tokenOf,
} from './logins.js';

const START_TIMEOUT = 90_000;
/** Longer than socat's retries; without them, ejabberd would have given up. */
const OUTAGE_MILLISECONDS = 12_000;
const isInstalled = hasEjabberd() && existsSync('/usr/bin/socat');

let daemon: Daemon;
let ejabberd: Ejabberd;
const { logInValid, logInInvalid } = loginsTo(() => ejabberd);

function logIn(user: string, domain: string, password: string, transport: Transport): Promise<LoginResult> {
  return login({ service: ejabberd.service(transport), domain, username: user, password });
}

function startEjabberd(): Promise<Ejabberd> {
  const pools = { 'example.com': 2, 'other.example': 1 };
  return Ejabberd.start({ pools, configuration: CONFIGURATION, socket: daemon.socketPath });
}

/** Waits for the outcomes in the log, since xtokend answers before it writes its log. */
async function expectOutcomes(jid: string, outcomes: string[]): Promise<void> {
  await expect.poll(() => outcomesIn(daemon.log, jid)).toEqual(outcomes);
}

/** Waits until logins work again: until ejabberd has replaced a socat that has ended, it refuses them. */
async function expectRecovery(): Promise<void> {
  await expect.poll(logInValid).toEqual(ACCEPTED);
  expect(await logInInvalid()).toEqual(REFUSED);
  expect(await logInValid()).toEqual(ACCEPTED);
}

beforeAll(async () => {
  if (!isInstalled) return undefined;
  daemon = new Daemon(CONFIGURATION);
  await daemon.start();
  ejabberd = await startEjabberd();
  return async () => {
    await ejabberd.stop();
    await daemon.remove();
  };
}, START_TIMEOUT);

beforeEach((context) => {
  requirePackage(context, isInstalled, 'ejabberd and socat');
});

describe.each(['TCP', 'WebSocket'] as const)('a login to ejabberd, with socat, over %s', (transport) => {
  it('accepts a token once', async () => {
    const user = newUser();
    const token = tokenOf(`${user}@example.com`);
    expect(await logIn(user, 'example.com', token, transport)).toEqual(ACCEPTED);
    expect(await logIn(user, 'example.com', token, transport)).toEqual(REFUSED);
    await expectOutcomes(`${user}@example.com`, ['accepted', 'replayed']);
  });

  it.each(BAD_CREDENTIALS)('refuses %s', async (_, reason, passwordOf) => {
    const user = newUser();
    const password = passwordOf(`${user}@example.com`);
    expect(await logIn(user, 'example.com', password, transport)).toEqual(REFUSED);
    await expectOutcomes(`${user}@example.com`, [reason]);
  });

  it('accepts only tokens that the secrets of the host signed', async () => {
    const user = newUser();
    const jid = `${user}@other.example`;
    expect(await logIn(user, 'other.example', tokenOf(jid), transport)).toEqual(REFUSED);
    expect(await logIn(user, 'other.example', otherTokenOf(jid), transport)).toEqual(ACCEPTED);
  });
});

describe('an ejabberd with socat', { timeout: START_TIMEOUT }, () => {
  it('refuses a password that is longer than xtokend accepts, and goes on', async () => {
    const user = newUser();
    expect(await logIn(user, 'example.com', 'x'.repeat(50_000), 'TCP')).toEqual(REFUSED);
    await expectRecovery();
  });

  it('uses an xtokend that was restarted', async () => {
    const before = ejabberd.bridges;
    await daemon.end('SIGTERM');
    await daemon.start();
    await expectRecovery();
    expect(ejabberd.bridges).toHaveLength(before.length);
    expect(ejabberd.bridges.filter((pid) => before.includes(pid))).toEqual([]);
  });

  it('uses an xtokend that was down for longer than socat waits', async () => {
    await daemon.end('SIGTERM');
    await sleep(OUTAGE_MILLISECONDS);
    await daemon.start();
    await expectRecovery();
  });

  it('completes a login that waits for a stopped xtokend', async () => {
    daemon.signal('SIGSTOP');
    const waiting = logInValid();
    await sleep(1000);
    daemon.signal('SIGCONT');
    expect(await waiting).toEqual(ACCEPTED);
  });

  it('goes on after an xtokend that was killed during a login', async () => {
    daemon.signal('SIGSTOP');
    const waiting = logInValid();
    await sleep(1000);
    await daemon.end('SIGKILL');
    await daemon.start();
    // The other socat may have got the request again.
    expect([ACCEPTED, REFUSED]).toContainEqual(await waiting);
    await expectRecovery();
  });

  it('leaves no socat behind if it is killed', async () => {
    const server = await startEjabberd();
    onTestFinished(() => server.stop());
    const { bridges } = server;
    expect(bridges).toHaveLength(3);
    process.kill(server.pid, 'SIGKILL');
    expect(await survivorsOf(bridges, 20_000)).toEqual([]);
  });
});
