import { describe, expect, it } from 'vitest';
import { Authenticator } from '../../src/authenticator/authenticator.js';
import type { Decision } from '../../src/authenticator/decision.js';
import { mintWithKey } from '../../src/credential/mint.js';
import { parseRequest } from '../../src/protocol/request.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import { UserList } from '../../src/users/user-list.js';
import { createUserPolicy } from '../../src/users/user-policy.js';
import { temporaryFile } from '../support/directory.js';
import { key, named, NOW } from '../support/keys.js';
import { policyBase } from '../support/user-policy.js';

const HOST = 'bücher.example';
const LIST = `bob\nélodie@${HOST}\ncarol@${HOST}\n`;

/** @returns what decides on requests for every host, with a list of users who are blocked, or who alone may log in */
async function openWith(kind: 'allowed' | 'blocked'): Promise<Authenticator> {
  const onWarning = (): void => undefined;
  const list = await UserList.open(temporaryFile(LIST, 'users'), {
    listsBlockedUsers: kind === 'blocked',
    onWarning,
  });
  const lists = { allowed: undefined, blocked: undefined, [kind]: list };
  const users = createUserPolicy({ users: kind === 'allowed' ? list : 'any', ...lists, ...policyBase });
  const hostOf = () => ({ keys: [named('default', key)], users });
  return new Authenticator({ hostOf, replay: new MemoryReplayCache(), clock: () => NOW });
}

/** Asks as a server does that sends names as they were typed, with a token of an application that signs them so. */
function ask(authenticator: Authenticator, user: string, host = HOST): Promise<Decision[]> {
  const token = mintWithKey(key, `${user}@${host}`, NOW);
  const requests = [`auth:${user}:${host}:${token}`, `isuser:${user}:${host}`];
  return Promise.all(requests.map((text) => authenticator.decide(parseRequest(Buffer.from(text), 'stdin'))));
}

const userSpellings = [
  'BOB',
  'boB',
  'ｂob',
  'ᵇob',
  'bo\u00adb',
  'bo\u200db',
  'ÉLODIE',
  'e\u0301lodie',
  'Carol',
];
const hostSpellings = [
  'BÜCHER.example',
  'bu\u0308cher.example',
  'bücher．example',
  'bücher。example',
  'bücher.example.',
  'bü\u00adcher.example',
];

describe('a list of users', () => {
  it('finds names that need the tables of string preparation', async () => {
    const [blocked, allowed] = [await openWith('blocked'), await openWith('allowed')];
    for (const user of ['bob', 'élodie', 'carol']) {
      expect(await ask(blocked, user)).toMatchObject([
        { reason: 'blocked-user' },
        { reason: 'blocked-user' },
      ]);
      expect(await ask(allowed, user)).toMatchObject([{ outcome: 'accepted' }, { outcome: 'accepted' }]);
    }
    expect(await ask(blocked, 'zoë')).toMatchObject([{ outcome: 'accepted' }, { outcome: 'accepted' }]);
  });

  it.each([
    ...userSpellings.map((user) => [user, HOST] as const),
    ...hostSpellings.map((host) => ['carol', host] as const),
  ])('cannot be bypassed by the spelling %j at %j', async (user, host) => {
    for (const kind of ['blocked', 'allowed'] as const) {
      const refused = { outcome: 'refused', reason: 'unprepared-name' };
      expect(await ask(await openWith(kind), user, host)).toMatchObject([refused, refused]);
    }
  });

  it.each([
    'ᵇob',
    'bob\u{1f600}',
    '\u{2f868}',
    'bob@ᵃ.example',
    'bob@a。example',
    'b\u0001ob',
    'x'.repeat(1024),
  ])('rejects the line %j', async (line) => {
    const open = UserList.open(temporaryFile(`alice\n${line}\n`, 'users'), { onWarning: () => undefined });
    await expect(open).rejects.toThrow(/^the list of users .*: line 2: the (user|domain) of the JID /);
  });
});
