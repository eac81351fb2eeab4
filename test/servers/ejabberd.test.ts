import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Ejabberd, hasEjabberd } from '../support/servers/ejabberd.js';
import { SECRETS } from '../support/keys.js';
import { descendantsOf, survivorsOf } from '../support/system/processes.js';
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

const START_TIMEOUT = 90_000;

let ejabberd: Ejabberd;

function logIn(
  username: string,
  domain: string,
  password: string,
  transport: 'TCP' | 'WebSocket' = 'TCP',
): Promise<LoginResult> {
  return login({ service: ejabberd.service(transport), domain, username, password });
}

/** Returns the logged outcomes of a user's logins for each process of a host. */
function outcomesOn(username: string, domain: string): string[][] {
  return ejabberd.poolOf(domain).map(({ log }) => outcomesIn(log, `${username}@${domain}`));
}

/** Waits for the outcomes in the logs, since a process answers before it writes its log. */
async function expectOutcomes(username: string, domain: string, outcomes: string[]): Promise<void> {
  await expect.poll(() => outcomesOn(username, domain).flat()).toEqual(outcomes);
}

/** Stops all processes of a host, and starts a login that waits for one of them. */
async function startWaitingLogin(host: string): Promise<{ pids: number[]; waiting: Promise<LoginResult> }> {
  const pids = ejabberd.poolOf(host).map(({ pid }) => pid);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const attempts = (): number => ejabberd.log.split('<auth ').length;
  const before = attempts();
  const user = newUser();
  const waiting = logIn(user, host, tokenOf(`${user}@${host}`));
  await expect.poll(attempts).toBeGreaterThan(before);
  return { pids, waiting };
}

beforeAll(async () => {
  if (!hasEjabberd()) return undefined;
  const pools = { 'example.com': 1, 'other.example': 1, 'pool.example': 2 };
  ejabberd = await Ejabberd.start({ pools, configuration: CONFIGURATION });
  return () => ejabberd.stop();
}, START_TIMEOUT);

beforeEach((context) => {
  requirePackage(context, hasEjabberd(), 'ejabberd');
});

describe.each(['TCP', 'WebSocket'] as const)('a login to ejabberd over %s', (transport) => {
  it('accepts a token once', async () => {
    const user = newUser();
    const token = tokenOf(`${user}@example.com`);
    expect(await logIn(user, 'example.com', token, transport)).toEqual(ACCEPTED);
    expect(await logIn(user, 'example.com', token, transport)).toEqual(REFUSED);
    await expectOutcomes(user, 'example.com', ['accepted', 'replayed']);
  });

  it.each(BAD_CREDENTIALS)('refuses %s', async (_, reason, passwordOf) => {
    const user = newUser();
    const password = passwordOf(`${user}@example.com`);
    expect(await logIn(user, 'example.com', password, transport)).toEqual(REFUSED);
    await expectOutcomes(user, 'example.com', [reason]);
  });

  it('accepts only tokens that the secrets of the host signed', async () => {
    const user = newUser();
    const logInWith = (domain: string, token: string): Promise<LoginResult> =>
      logIn(user, domain, token, transport);
    expect(await logInWith('other.example', tokenOf(`${user}@other.example`))).toEqual(REFUSED);
    expect(await logInWith('other.example', otherTokenOf(`${user}@other.example`))).toEqual(ACCEPTED);
    expect(await logInWith('example.com', otherTokenOf(`${user}@example.com`))).toEqual(REFUSED);
    await expectOutcomes(user, 'other.example', ['wrong-signature', 'accepted']);
    await expectOutcomes(user, 'example.com', ['wrong-signature']);
  });
});

describe('a pool of two processes', () => {
  it('gives each of many simultaneous logins its own outcome', async () => {
    const logins = Array.from({ length: 12 }, async (_, index) => {
      const user = newUser();
      const isValid = index % 3 > 0;
      const token = tokenOf(`${isValid ? user : 'mallory'}@pool.example`);
      const transport = index % 2 === 0 ? 'TCP' : 'WebSocket';
      expect(await logIn(user, 'pool.example', token, transport)).toEqual(isValid ? ACCEPTED : REFUSED);
    });
    await Promise.all(logins);
  });

  it('completes a login by the other process if one is killed, and replaces that one', async () => {
    const { pids, waiting } = await startWaitingLogin('pool.example');
    expect(pids).toHaveLength(2);
    const [first = 0, second = 0] = pids;
    process.kill(first, 'SIGKILL');
    process.kill(second, 'SIGCONT');
    // It does not matter which of them got the request.
    expect(await waiting).toEqual(ACCEPTED);
    await expect.poll(() => ejabberd.poolOf('pool.example')).toHaveLength(2);
  });

  it('accepts a token once if both processes get it', async () => {
    const user = newUser();
    const token = tokenOf(`${user}@pool.example`);
    const asked = (): string[][] => outcomesOn(user, 'pool.example').filter(({ length }) => length > 0);
    const results: LoginResult[] = [];
    while (asked().length < 2 && results.length < 20) {
      results.push(await logIn(user, 'pool.example', token));
    }
    expect(asked()).toHaveLength(2);
    expect(results[0]).toEqual(ACCEPTED);
    expect(results.filter(({ decision }) => decision === 'accepted')).toHaveLength(1);
  });
});

describe('a single process', () => {
  it('that is killed during a login costs only that login', async () => {
    const { pids, waiting } = await startWaitingLogin('example.com');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    expect(await waiting).toEqual(REFUSED);
    const user = newUser();
    expect(await logIn(user, 'example.com', tokenOf(`${user}@example.com`))).toEqual(ACCEPTED);
    const replacements = ejabberd.poolOf('example.com').map(({ pid }) => pid);
    expect(replacements).toHaveLength(1);
    expect(pids).not.toEqual(replacements);
  });
});

describe('no process outlives ejabberd', { timeout: START_TIMEOUT }, () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('after %s', async (signal) => {
    const server = await Ejabberd.start({ pools: { 'example.com': 2 }, configuration: SECRETS });
    onTestFinished(() => server.stop());
    const ours = [server.pid, ...descendantsOf(server.pid)];
    expect(ours).toEqual(expect.arrayContaining(server.poolOf('example.com').map(({ pid }) => pid)));
    process.kill(server.pid, signal);
    expect(await survivorsOf(ours, 20_000)).toEqual([]);
  });
});
