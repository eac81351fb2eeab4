import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Ejabberd, hasEjabberd } from '../support/ejabberd.js';
import { SECRETS } from '../support/keys.js';
import { descendantsOf, survivorsOf } from '../support/processes.js';
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

/** Other tests may keep the machine busy. */
const PATIENTLY = { timeout: 10_000 };

let ejabberd: Ejabberd;

function logIn(
  username: string,
  domain: string,
  password: string,
  transport: 'TCP' | 'WebSocket' = 'TCP',
): Promise<LoginResult> {
  return login({ service: ejabberd.service(transport), domain, username, password });
}

/** @returns what each process of a host has logged about a user's logins */
function decisionsOn(username: string, domain: string): string[][] {
  return ejabberd.poolOf(domain).map(({ log }) => decisionsIn(log, `${username}@${domain}`));
}

/** A process answers before it writes its log. */
async function expectDecisions(username: string, domain: string, decisions: string[]): Promise<void> {
  await expect.poll(() => decisionsOn(username, domain).flat(), PATIENTLY).toEqual(decisions);
}

/** Stops all processes of a host and starts a login, which then waits for one of them. */
async function startWaitingLogin(host: string): Promise<{ pids: number[]; waiting: Promise<LoginResult> }> {
  const pids = ejabberd.poolOf(host).map(({ pid }) => pid);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const attempts = (): number => ejabberd.log.split('<auth ').length;
  const before = attempts();
  const user = newUser();
  const waiting = logIn(user, host, tokenOf(`${user}@${host}`));
  await expect.poll(attempts, PATIENTLY).toBeGreaterThan(before);
  return { pids, waiting };
}

beforeAll(async () => {
  if (!hasEjabberd()) return undefined;
  const pools = { 'example.com': 1, 'other.example': 1, 'pool.example': 2 };
  ejabberd = await Ejabberd.start({ pools, configuration: CONFIGURATION });
  return () => ejabberd.stop();
});

beforeEach((context) => {
  requirePackage(context, hasEjabberd(), 'ejabberd');
});

describe.each(['TCP', 'WebSocket'] as const)('a login to ejabberd over %s', (transport) => {
  it('takes a token once', async () => {
    const user = newUser();
    const token = tokenOf(`${user}@example.com`);
    expect(await logIn(user, 'example.com', token, transport)).toEqual(ACCEPTED);
    expect(await logIn(user, 'example.com', token, transport)).toEqual(REFUSED);
    await expectDecisions(user, 'example.com', ['accepted', 'replayed']);
  });

  it.each(BAD_CREDENTIALS)('refuses %s', async (_, reason, passwordOf) => {
    const user = newUser();
    const password = passwordOf(`${user}@example.com`);
    expect(await logIn(user, 'example.com', password, transport)).toEqual(REFUSED);
    await expectDecisions(user, 'example.com', [reason]);
  });

  it('takes for each host the tokens of its own secrets only', async () => {
    const user = newUser();
    const logInWith = (domain: string, token: string): Promise<LoginResult> =>
      logIn(user, domain, token, transport);
    expect(await logInWith('other.example', tokenOf(`${user}@other.example`))).toEqual(REFUSED);
    expect(await logInWith('other.example', otherTokenOf(`${user}@other.example`))).toEqual(ACCEPTED);
    expect(await logInWith('example.com', otherTokenOf(`${user}@example.com`))).toEqual(REFUSED);
    await expectDecisions(user, 'other.example', ['wrong-signature', 'accepted']);
    await expectDecisions(user, 'example.com', ['wrong-signature']);
  });
});

describe('a pool of two processes', () => {
  it('gives each of many logins at once its own verdict', async () => {
    const logins = Array.from({ length: 12 }, async (_, index) => {
      const user = newUser();
      const isGood = index % 3 > 0;
      const token = tokenOf(`${isGood ? user : 'mallory'}@pool.example`);
      const transport = index % 2 === 0 ? 'TCP' : 'WebSocket';
      expect(await logIn(user, 'pool.example', token, transport)).toEqual(isGood ? ACCEPTED : REFUSED);
    });
    await Promise.all(logins);
  });

  it('has one that dies in the middle of a login replaced by the other', async () => {
    const { pids, waiting } = await startWaitingLogin('pool.example');
    const [first = 0, second = 0] = pids;
    process.kill(first, 'SIGKILL');
    process.kill(second, 'SIGCONT');
    // Whichever of them was asked.
    expect(await waiting).toEqual(ACCEPTED);
    await expect.poll(() => ejabberd.poolOf('pool.example'), PATIENTLY).toHaveLength(2);
  });

  describe('offered one token again and again', () => {
    const results: LoginResult[] = [];

    // Not in the test: one that is known to fail would hide that something else goes wrong.
    beforeAll(async () => {
      if (!hasEjabberd()) return;
      const user = newUser();
      const token = tokenOf(`${user}@pool.example`);
      const asked = (): string[][] => decisionsOn(user, 'pool.example').filter(({ length }) => length > 0);
      while (asked().length < 2) results.push(await logIn(user, 'pool.example', token));
    });

    it('takes it', () => {
      expect(results[0]).toEqual(ACCEPTED);
    });

    it('takes it once', () => {
      expect(results.filter(({ decision }) => decision === 'accepted')).toHaveLength(1);
    });
  });
});

describe('a single process', () => {
  it('that dies in the middle of a login costs that login only', async () => {
    const { pids, waiting } = await startWaitingLogin('example.com');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    expect(await waiting).toEqual(REFUSED);
    const user = newUser();
    expect(await logIn(user, 'example.com', tokenOf(`${user}@example.com`))).toEqual(ACCEPTED);
    expect(pids).not.toContain(ejabberd.poolOf('example.com')[0]?.pid);
  });
});

describe('nobody is left behind', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('after %s to ejabberd', async (signal) => {
    const server = await Ejabberd.start({ pools: { 'example.com': 2 }, configuration: SECRETS });
    onTestFinished(() => server.stop());
    const ours = [server.pid, ...descendantsOf(server.pid)];
    expect(ours).toEqual(expect.arrayContaining(server.poolOf('example.com').map(({ pid }) => pid)));
    process.kill(server.pid, signal);
    expect(await survivorsOf(ours, 5000)).toEqual([]);
  });
});
