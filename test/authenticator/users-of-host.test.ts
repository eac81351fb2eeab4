import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Authenticator } from '../../src/authenticator/authenticator.js';
import type { Decision } from '../../src/authenticator/decision.js';
import { native } from '../../src/protocol/native.js';
import type { Request } from '../../src/protocol/request.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import { MemorySeenUsers } from '../../src/replay/memory/seen-users.js';
import type { KnownRevocations } from '../../src/users/revocations.js';
import { UserList } from '../../src/users/user-list.js';
import { createUserPolicy, type UserPolicyOptions } from '../../src/users/user-policy.js';
import { temporaryFile } from '../support/directory.js';
import { key, named, NOW } from '../support/keys.js';
import { policyBase } from '../support/user-policy.js';

const HOST = 'example.com';
const openList = (path: string): Promise<UserList> => UserList.open(path, { onWarning: () => undefined });

/** Returns a function that decides a line of the native protocol, with a tab for each two spaces. */
function subject(options: Partial<UserPolicyOptions>): (line: string) => Promise<Decision> {
  const users = createUserPolicy({
    users: 'any',
    allowed: undefined,
    blocked: undefined,
    ...policyBase,
    ...options,
  });
  const hostOf = (host: string) => (host === HOST ? { keys: [named('default', key)], users } : undefined);
  const authenticator = new Authenticator({ hostOf, replay: new MemoryReplayCache(), clock: () => NOW });
  return (line) => {
    const codec = native.createCodec();
    codec.parse(Buffer.from('VERSION\t1\t0'), 'socket');
    return authenticator.decide(codec.parse(Buffer.from(line.replaceAll('  ', '\t')), 'socket') as Request);
  };
}

const namesIn = (decision: Decision): readonly string[] | undefined =>
  'details' in decision ? decision.details?.users : undefined;
const versionOf = (decision: Decision): string | undefined =>
  'details' in decision ? decision.details?.version : undefined;

describe('RECHECK', () => {
  const revocations: KnownRevocations = {
    of: (user, host) =>
      Promise.resolve(
        ['mallory', 'undone'].includes(user)
          ? { jid: `${user}@${host}`, revokedAt: 1500, isBlocked: user === 'mallory' }
          : undefined,
      ),
    version: () => Promise.resolve('7'),
  };

  it('names the users who are blocked, revoked, or not listed, in the order of the request', async () => {
    const [blocked, allowed] = [
      await openList(temporaryFile('bob\n')),
      await openList(temporaryFile('alice\nbob\nmallory\n')),
    ];
    const decide = subject({ blocked, allowed, users: allowed, revocations });
    const decision = await decide(`RECHECK  1  ${HOST}  zoe  alice  mallory  bob  "not a name"`);
    expect(namesIn(decision)).toEqual(['zoe', 'mallory', 'bob']);
    expect(await decide(`USER  1  zoe  ${HOST}`)).toMatchObject({
      reason: 'unlisted-user',
    });
    expect(await decide(`USER  1  mallory  ${HOST}`)).toMatchObject({ reason: 'blocked-user' });
  });

  it('does not name users who are only missing in a list that does not restrict logins', async () => {
    const users = await openList(temporaryFile('alice\n'));
    expect(namesIn(await subject({ users })(`RECHECK  1  ${HOST}  alice  bob`))).toEqual([]);
  });

  it('has a version that changes with each list and the revocations', async () => {
    const [blockedPath, allowedPath] = [temporaryFile('bob\n'), temporaryFile('alice\n')];
    const [blocked, allowed] = [await openList(blockedPath), await openList(allowedPath)];
    let revision = 1;
    const decide = subject({
      blocked,
      allowed,
      users: allowed,
      revocations: { ...revocations, version: () => Promise.resolve(String(revision)) },
    });
    const ask = async (): Promise<string | undefined> => versionOf(await decide(`RECHECK  1  ${HOST}`));
    // A file that has just changed is read each time.
    await expect.poll(async () => (await ask()) === (await ask())).toBe(true);
    const versions = [await ask()];
    writeFileSync(blockedPath, 'bob\ncarol\n');
    versions.push(await ask());
    await expect.poll(async () => (await ask()) === (await ask())).toBe(true);
    versions.push(await ask());
    writeFileSync(allowedPath, 'alice\ncarol\n');
    versions.push(await ask());
    revision = 2;
    versions.push(await ask());
    expect(new Set(versions).size).toBeGreaterThanOrEqual(4);
    for (const version of versions) expect(version).toMatch(/^[\w.]{1,64}$/);
  });

  it('fails for another host, and if the revocations are unavailable', async () => {
    const of = () => Promise.resolve('replay-cache-unavailable' as const);
    const decide = subject({ revocations: { ...revocations, of } });
    expect(await decide('RECHECK  1  other.example  alice')).toMatchObject({ reason: 'unknown-host' });
    expect(await decide(`RECHECK  1  ${HOST}  alice`)).toMatchObject({ reason: 'replay-cache-unavailable' });
    expect(await decide(`USER  1  alice  ${HOST}`)).toMatchObject({ reason: 'replay-cache-unavailable' });
  });

  it('is not needed to learn when a user was revoked whose revocation was undone', async () => {
    const decide = subject({ revocations });
    expect(await decide(`USER  1  undone  ${HOST}`)).toMatchObject({ details: { revokedAt: 1500 } });
    expect(await decide(`USER  1  alice  ${HOST}`)).toMatchObject({
      outcome: 'accepted',
      details: undefined,
    });
  });
});

describe('LIST', () => {
  it('names those in the list, of this host or of every host', async () => {
    const users = await openList(temporaryFile(`Alice\n# nobody\nbob@${HOST}\ncarol@other.example\n`));
    const decide = subject({ users });
    expect(await decide(`LIST  1  ${HOST}`)).toEqual({
      outcome: 'accepted',
      details: { users: ['alice', 'bob'], next: undefined },
    });
  });

  it('names those seen', async () => {
    const users = new MemorySeenUsers();
    await users.add('alice', HOST);
    expect(namesIn(await subject({ users })(`LIST  1  ${HOST}`))).toEqual(['alice']);
  });

  it('fails if no list is kept, or for another host', async () => {
    expect(await subject({})(`LIST  1  ${HOST}`)).toMatchObject({ reason: 'no-user-list' });
    expect(await subject({})('LIST  1  other.example')).toMatchObject({ reason: 'unknown-host' });
  });
});

describe('the question whether a user exists', () => {
  it('is not answered if it becomes unknown meanwhile when the user was revoked', async () => {
    const found = [undefined, 'replay-cache-unavailable'] as const;
    let calls = 0;
    const revocations: KnownRevocations = {
      of: () => found[calls++],
      version: () => Promise.resolve(''),
    };
    expect(await subject({ revocations })('USER  1  alice  example.com')).toMatchObject({
      outcome: 'refused',
      reason: 'replay-cache-unavailable',
    });
  });
});
