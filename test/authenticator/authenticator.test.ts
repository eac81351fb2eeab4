import { describe, expect, it } from 'vitest';
import { Authenticator, type ServedHost, type Decision } from '../../src/authenticator/authenticator.js';
import { createKey } from '../../src/credential/key.js';
import { mintWithKey } from '../../src/credential/mint.js';
import { parseRequest } from '../../src/protocol/request.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import type { ReplayCache } from '../../src/replay/replay-cache.js';
import { createUserPolicy } from '../../src/users/user-policy.js';
import { key, named, NOW, OTHER_SECRET, OTHER_SEED } from '../support/keys.js';

const otherKey = createKey({ otpSeed: OTHER_SEED, tokenSecret: OTHER_SECRET });

const anybody = createUserPolicy({
  users: 'any',
  allowed: undefined,
  blocked: undefined,
  onWarning: () => undefined,
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
  return (text) => subject.decide(parseRequest(Buffer.from(text)));
}

const refused = (reason: string, whom?: string): object => ({
  accepted: false,
  reason,
  context: whom === undefined ? {} : { jid: whom, host: whom.split('@')[1] },
});
const jid = 'alice@example.com';
const ofAlice = (offset: number): object => ({ jid, host: 'example.com', key: 'default', offset });

describe('Authenticator', () => {
  it('accepts a token once', async () => {
    const decide = authenticator();
    const [a, b] = [mintWithKey(key, jid, NOW), mintWithKey(key, jid, NOW - 30_000)];
    expect(await decide(`auth:alice:example.com:${a}`)).toEqual({ accepted: true, context: ofAlice(0) });
    expect(await decide(`auth:alice:example.com:${b}`)).toEqual({ accepted: true, context: ofAlice(-1) });
    expect(await decide(`auth:alice:example.com:${a}`)).toEqual({
      ...refused('replayed'),
      context: ofAlice(0),
    });
  });

  it.each([
    ['auth:bob:example.com:', 'wrong-signature', 'bob@example.com'],
    ['auth:alice:other.example:', 'wrong-signature', 'alice@other.example'],
    ['auth:alice:elsewhere.example:', 'unknown-host', 'alice@elsewhere.example'],
    ['auth:alice:EXAMPLE.com:', 'unprepared-name', 'alice@EXAMPLE.com'],
    ['auth:Alice:example.com:', 'unprepared-name', 'Alice@example.com'],
    ['setpass:alice:example.com:', 'unsupported-operation', undefined],
  ])('refuses alice’s token in %s… as %s', async (request, reason, whom) => {
    expect(await authenticator()(request + mintWithKey(key, jid, NOW))).toEqual(refused(reason, whom));
  });

  it('refuses a password, an old token and nonsense', async () => {
    const decide = authenticator();
    const old = mintWithKey(key, jid, NOW - 60_000);
    expect(await decide('auth:alice:example.com:secret')).toEqual(refused('malformed-token', jid));
    expect(await decide(`auth:alice:example.com:${old}`)).toEqual(refused('wrong-otp', jid));
    expect(await decide('nonsense')).toEqual(refused('malformed-request'));
  });

  it('knows every well-formed user of its hosts, and nobody of others', async () => {
    const decide = authenticator();
    expect(await decide('isuser:nobody:example.com')).toMatchObject({ accepted: true });
    expect(await decide('isuser:nobody:elsewhere.example')).toMatchObject({ reason: 'unknown-host' });
  });

  it('records only what is rightly signed and in time', async () => {
    const cache = new MemoryReplayCache();
    const decide = authenticator(cache);
    for (const token of ['secret', mintWithKey(otherKey, jid, NOW), mintWithKey(key, jid, NOW + 90_000)]) {
      await decide(`auth:alice:example.com:${token}`);
    }
    expect(cache.size).toBe(0);
    await decide(`auth:alice:example.com:${mintWithKey(key, jid, NOW)}`);
    expect(cache.size).toBe(1);
  });

  it('leaves a record that cannot be asked to its caller', async () => {
    const broken = new MemoryReplayCache();
    broken.consume = () => Promise.reject(new Error('the disk is gone'));
    const request = `auth:alice:example.com:${mintWithKey(key, jid, NOW)}`;
    await expect(authenticator(broken)(request)).rejects.toThrow('the disk is gone');
  });

  it('refuses where the record cannot tell', async () => {
    const blind = new MemoryReplayCache(() => NOW);
    const request = `auth:alice:example.com:${mintWithKey(key, jid, NOW)}`;
    expect(await authenticator(blind)(request)).toEqual({
      ...refused('replay-unknown'),
      context: ofAlice(0),
    });
  });
});
