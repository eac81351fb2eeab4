import { describe, expect, it } from 'vitest';
import { Authenticator } from '../../src/authenticator/authenticator.js';
import type { Decision } from '../../src/authenticator/decision.js';
import { TOKEN_STEPS, runSteps, type ServedHost } from '../../src/authenticator/steps.js';
import { createKey } from '../../src/credential/key.js';
import { mintWithKey } from '../../src/credential/mint.js';
import { parseRequest, type AuthRequest } from '../../src/protocol/request.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import type { ReplayCache } from '../../src/replay/replay-cache.js';
import { createUserPolicy } from '../../src/users/user-policy.js';
import { key, named, NOW, OTHER_SECRET, OTHER_SEED } from '../support/keys.js';
import { policyBase } from '../support/user-policy.js';

const otherKey = createKey({ otpSeed: OTHER_SEED, tokenSecret: OTHER_SECRET });

const anybody = createUserPolicy({
  users: 'any',
  allowed: undefined,
  blocked: undefined,
  ...policyBase,
});

function authenticator(replay: ReplayCache = new MemoryReplayCache()): (text: string) => Promise<Decision> {
  const later = named('later', createKey({ otpSeed: 'A'.repeat(32), tokenSecret: 'B'.repeat(32) }), {
    notBefore: NOW + 1,
  });
  const hosts = new Map<string, ServedHost>([
    ['example.com', { keys: [named('default', key), later], users: anybody }],
    ['other.example', { keys: [named('other', otherKey)], users: anybody }],
  ]);
  const subject = new Authenticator({ hostOf: (host) => hosts.get(host), replay, clock: () => NOW });
  return (text) => subject.decide(parseRequest(Buffer.from(text), 'stdin'));
}

const refused = (reason: string): object => ({ outcome: 'refused', reason });
const jid = 'alice@example.com';

describe('Authenticator', () => {
  it('accepts a token once', async () => {
    const decide = authenticator();
    const [a, b] = [mintWithKey(key, jid, NOW), mintWithKey(key, jid, NOW - 30_000)];
    expect(await decide(`auth:alice:example.com:${a}`)).toEqual({
      outcome: 'accepted',
      key: 'default',
      offset: 0,
    });
    expect(await decide(`auth:alice:example.com:${b}`)).toMatchObject({ outcome: 'accepted', offset: -1 });
    expect(await decide(`auth:alice:example.com:${a}`)).toEqual({
      ...refused('replayed'),
      key: 'default',
      offset: 0,
    });
  });

  it.each([
    ['auth:bob:example.com:', 'wrong-signature'],
    ['auth:alice:other.example:', 'wrong-signature'],
    ['auth:alice:elsewhere.example:', 'unknown-host'],
    ['auth:alice:EXAMPLE.com:', 'unprepared-name'],
    ['auth:Alice:example.com:', 'unprepared-name'],
    ['setpass:alice:example.com:', 'unsupported-operation'],
  ])('refuses alice’s token in %s… as %s', async (request, reason) => {
    expect(await authenticator()(request + mintWithKey(key, jid, NOW))).toEqual(refused(reason));
  });

  it('refuses a password, an expired token and a malformed request', async () => {
    const decide = authenticator();
    const old = mintWithKey(key, jid, NOW - 60_000);
    expect(await decide('auth:alice:example.com:secret')).toEqual(refused('malformed-token'));
    expect(await decide(`auth:alice:example.com:${old}`)).toEqual(refused('wrong-otp'));
    expect(await decide('nonsense')).toEqual(refused('malformed-request'));
  });

  it('reports every well-formed user of its hosts as existing, and none of other hosts', async () => {
    const decide = authenticator();
    expect(await decide('isuser:nobody:example.com')).toMatchObject({ outcome: 'accepted' });
    expect(await decide('isuser:nobody:elsewhere.example')).toMatchObject({ reason: 'unknown-host' });
  });

  it('consumes only tokens with a valid signature and OTP', async () => {
    const cache = new MemoryReplayCache();
    const decide = authenticator(cache);
    for (const token of ['secret', mintWithKey(otherKey, jid, NOW), mintWithKey(key, jid, NOW + 90_000)]) {
      await decide(`auth:alice:example.com:${token}`);
    }
    expect(cache.size).toBe(0);
    await decide(`auth:alice:example.com:${mintWithKey(key, jid, NOW)}`);
    expect(cache.size).toBe(1);
  });

  it('rejects if the replay cache fails', async () => {
    const broken = new MemoryReplayCache();
    broken.consume = () => Promise.reject(new Error('the disk is gone'));
    const request = `auth:alice:example.com:${mintWithKey(key, jid, NOW)}`;
    await expect(authenticator(broken)(request)).rejects.toThrow('the disk is gone');
  });

  it('refuses a token from before the cache epoch', async () => {
    const blind = new MemoryReplayCache(() => NOW);
    const request = `auth:alice:example.com:${mintWithKey(key, jid, NOW)}`;
    expect(await authenticator(blind)(request)).toEqual({
      ...refused('replay-unknown'),
      key: 'default',
      offset: 0,
    });
  });

  it('does not use up the token of a login that a step refuses', async () => {
    const cache = new MemoryReplayCache();
    const later = named('later', key, { notBefore: NOW + 1 });
    const isBlocked = { ...anybody, refusalOf: () => Promise.resolve('blocked-user' as const) };
    const hosts: Record<string, ServedHost> = {
      'inactive.example': { keys: [later], users: anybody },
      'blocked.example': { keys: [named('default', key)], users: isBlocked },
    };
    const subject = new Authenticator({ hostOf: (host) => hosts[host], replay: cache, clock: () => NOW });
    const reasons = Object.keys(hosts).map(async (host) => {
      const token = mintWithKey(key, `alice@${host}`, NOW);
      return subject.decide(parseRequest(Buffer.from(`auth:alice:${host}:${token}`), 'stdin'));
    });
    expect(await Promise.all(reasons)).toEqual([
      { ...refused('inactive-key'), key: 'later', offset: 0 },
      { ...refused('blocked-user'), key: 'default', offset: 0 },
    ]);
    expect(cache.size).toBe(0);
  });

  it('records only an accepted login', async () => {
    const logins: string[] = [];
    const users = { ...anybody, recordLogin: (user: string) => logins.push(user) };
    const hostOf = (): ServedHost => ({ keys: [named('default', key)], users });
    const subject = new Authenticator({ hostOf, replay: new MemoryReplayCache(), clock: () => NOW });
    const request = `auth:alice:example.com:${mintWithKey(key, jid, NOW)}`;
    for (const text of ['auth:bob:example.com:secret', request, request]) {
      await subject.decide(parseRequest(Buffer.from(text), 'stdin'));
    }
    expect(logins).toEqual(['alice']);
  });
});

describe('the steps of a login', () => {
  const dependencies = {
    hostOf: (): ServedHost => ({ keys: [named('default', key)], users: anybody }),
    replay: new MemoryReplayCache(),
    clock: () => NOW,
  };
  const login = (): AuthRequest =>
    parseRequest(Buffer.from(`auth:alice:example.com:${mintWithKey(key, jid, NOW)}`), 'stdin') as AuthRequest;

  it('accept a valid token', async () => {
    const decision = await runSteps(TOKEN_STEPS, login(), dependencies);
    expect(decision).toMatchObject({ outcome: 'accepted' });
  });

  it('accept nothing if the list lacks the step that finds the host, checks or consumes the token', async () => {
    for (const name of ['requireServedHost', 'requireValidToken', 'consumeToken']) {
      const steps = TOKEN_STEPS.filter((step) => step.name !== name);
      expect(steps).toHaveLength(TOKEN_STEPS.length - 1);
      const decision = runSteps(steps, login(), dependencies);
      await expect(decision, name).rejects.toThrow('expected an earlier step');
    }
  });
});
