import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Authenticator } from '../../src/authenticator/authenticator.js';
import type { Decision } from '../../src/authenticator/decision.js';
import { mintWithKey } from '../../src/credential/mint.js';
import type { PasswordLogin } from '../../src/passwords/backend.js';
import type { PasswordOutcome } from '../../src/passwords/passwords.js';
import { parseRequest } from '../../src/protocol/request.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import type { UserPolicy } from '../../src/users/user-policy.js';
import { key, named, NOW } from '../support/keys.js';

interface Subject {
  readonly decide: (text: string) => Promise<Decision>;
  /** The logins that reached the back ends. */
  readonly asked: PasswordLogin[];
  readonly recorded: string[];
}

function subject(
  outcome: PasswordOutcome = { refusal: undefined, backend: 'command' },
  refusal?: 'blocked-user' | 'unlisted-user',
): Subject {
  const asked: PasswordLogin[] = [];
  const recorded: string[] = [];
  const users = {
    refusalOf: () => refusal,
    recordLogin: (user: string) => recorded.push(user),
  } as unknown as UserPolicy;
  const passwords = {
    verify: (login: PasswordLogin) => {
      asked.push(login);
      return Promise.resolve(outcome);
    },
    isUser: () => Promise.resolve(true),
  };
  const keys = [named('default', key)];
  const hosts = new Map([
    ['example.com', { keys, users, passwords }],
    ['tokens.example', { keys, users }],
  ]);
  const authenticator = new Authenticator({
    hostOf: (host) => hosts.get(host),
    replay: new MemoryReplayCache(),
    clock: () => NOW,
  });
  return {
    decide: (text) => authenticator.decide(parseRequest(Buffer.from(text), 'stdin')),
    asked,
    recorded,
  };
}

const JID = 'alice@example.com';

describe('a password', () => {
  it('is accepted if a back end accepts it, and is recorded as a login', async () => {
    const { decide, asked, recorded } = subject();
    expect(await decide('auth:alice:example.com:correct horse: battery')).toEqual({
      outcome: 'accepted',
      backend: 'command',
    });
    expect(asked).toEqual([{ user: 'alice', host: 'example.com', password: 'correct horse: battery' }]);
    expect(recorded).toEqual(['alice']);
  });

  it.each(['wrong-password', 'password-backend-unavailable', 'throttled', 'blocked-user'] as const)(
    'is refused with the reason of the back ends: %s',
    async (reason) => {
      const { decide, recorded } = subject({ refusal: reason });
      expect(await decide('auth:alice:example.com:secret')).toEqual({ outcome: 'refused', reason });
      expect(recorded).toEqual([]);
    },
  );

  it.each(['blocked-user', 'unlisted-user'] as const)('does not let a user in who is %s', async (reason) => {
    const { decide, recorded } = subject(undefined, reason);
    expect(await decide('auth:alice:example.com:secret')).toMatchObject({ outcome: 'refused', reason });
    expect(recorded).toEqual([]);
  });

  it('tells only those who know it who is blocked', async () => {
    const { decide } = subject({ refusal: 'wrong-password' }, 'blocked-user');
    expect(await decide('auth:alice:example.com:secret')).toMatchObject({ reason: 'wrong-password' });
  });

  it('is a malformed token for a host without back ends', async () => {
    const { decide, asked } = subject();
    expect(await decide('auth:alice:tokens.example:secret')).toMatchObject({ reason: 'malformed-token' });
    expect(await decide('auth:alice:unknown.example:secret')).toMatchObject({ reason: 'unknown-host' });
    expect(await decide('auth:Alice:example.com:secret')).toMatchObject({ reason: 'unprepared-name' });
    expect(asked).toEqual([]);
  });
});

describe('a token', () => {
  it('never reaches a back end: accepted, replayed, wrong or damaged', async () => {
    const { decide, asked } = subject();
    const token = mintWithKey(key, JID, NOW);
    const reasons = [];
    for (const text of [token, token, mintWithKey(key, 'bob@example.com', NOW), mintWithKey(key, JID, 0)]) {
      reasons.push((await decide(`auth:alice:example.com:${text}`)).reason ?? 'accepted');
    }
    expect(reasons).toEqual(['accepted', 'replayed', 'wrong-signature', 'wrong-otp']);
    const damaged = fc.oneof(
      // One character is missing, another one, or one too many, at any place outside the nonce.
      fc.integer({ min: 0, max: 7 }).map((at) => token.slice(0, at) + token.slice(at + 1)),
      fc.integer({ min: 40, max: 84 }).map((at) => token.slice(0, at) + token.slice(at + 1)),
      fc.tuple(fc.integer({ min: 40, max: 85 }), fc.string()).map(([at, text]) => token.slice(0, at) + text),
      fc.string().map((text) => `${text}${token}`),
      fc.constantFrom(` ${token}`, `${token}\r`, `"${token}"`, token.slice(8), token.slice(0, 40)),
    );
    await fc.assert(
      fc.asyncProperty(damaged, async (text) => {
        await decide(`auth:alice:example.com:${text}`);
        expect(asked).toEqual([]);
      }),
    );
  });
});
