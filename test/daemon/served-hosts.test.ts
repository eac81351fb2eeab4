import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Authenticator } from '../../src/authenticator/authenticator.js';
import { loadConfiguration } from '../../src/config/load.js';
import { mintWithKey } from '../../src/credential/mint.js';
import { openHosts } from '../../src/daemon/served-hosts.js';
import { parseRequest } from '../../src/protocol/request.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import { MemorySeenUsers } from '../../src/replay/memory/seen-users.js';
import { temporaryFile } from '../support/directory.js';
import { key, NOW, SECRETS } from '../support/keys.js';
import { policyBase } from '../support/user-policy.js';

/** Returns a function that decides a request by a configuration: "accepted", or the reason why not. */
async function subject(
  settings: string,
  lists: Readonly<Record<string, string>> = {},
): Promise<(request: string) => Promise<string>> {
  const file = temporaryFile(`${settings}\n`);
  for (const [name, text] of Object.entries(lists)) writeFileSync(join(dirname(file), name), text);
  const { hosts } = await loadConfiguration(file, {});
  const hostOf = await openHosts(hosts, { seen: new MemorySeenUsers(), ...policyBase });
  const authenticator = new Authenticator({ hostOf, replay: new MemoryReplayCache(), clock: () => NOW });
  return async (request) => {
    const [operation, user, host] = request.split(' ');
    const token = operation === 'auth' ? `:${mintWithKey(key, `${user}@${host}`, NOW)}` : '';
    const decision = await authenticator.decide(
      parseRequest(Buffer.from(`${operation}:${user}:${host}${token}`), 'stdin'),
    );
    return decision.reason ?? decision.outcome;
  };
}

describe('the users of a host', () => {
  it('are everybody by default', async () => {
    const ask = await subject(SECRETS);
    expect([await ask('isuser alice a.example'), await ask('auth alice a.example')]).toEqual([
      'accepted',
      'accepted',
    ]);
  });

  it('are those who have logged in before', async () => {
    const ask = await subject(`users = "seen"\n${SECRETS}`);
    expect(await ask('isuser alice a.example')).toBe('unknown-user');
    expect(await ask('auth alice a.example')).toBe('accepted');
    expect(await ask('isuser alice a.example')).toBe('accepted');
    expect(await ask('isuser alice b.example')).toBe('unknown-user');
  });

  it('are those on the list, which restricts logins only if the host says so', async () => {
    const settings = `users = "file:list"\n${SECRETS}[hosts."a.example"]\n[hosts."b.example"]\nrestrict_auth = true\n`;
    const ask = await subject(settings, { list: 'alice\n' });
    expect(await ask('isuser alice a.example')).toBe('accepted');
    expect(await ask('isuser bob a.example')).toBe('unknown-user');
    expect(await ask('auth bob a.example')).toBe('accepted');
    expect(await ask('auth alice b.example')).toBe('accepted');
    expect(await ask('auth bob b.example')).toBe('unlisted-user');
  });

  it('are not those who are blocked; a host can have its own list', async () => {
    const settings = `blocked_users = "file:blocked"\n${SECRETS}[hosts."a.example"]\n[hosts."b.example"]\nblocked_users = "file:none"\n`;
    const ask = await subject(settings, { blocked: 'mallory\n', none: '' });
    expect(await ask('auth mallory a.example')).toBe('blocked-user');
    expect(await ask('isuser mallory a.example')).toBe('blocked-user');
    expect(await ask('auth alice a.example')).toBe('accepted');
    expect(await ask('auth mallory b.example')).toBe('accepted');
  });

  it('cannot be opened if a list is missing', async () => {
    await expect(subject(`users = "file:list"\n${SECRETS}`)).rejects.toThrow('there is no such file');
  });
});
