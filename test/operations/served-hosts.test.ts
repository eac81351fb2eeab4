import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Authenticator } from '../../src/authenticator.js';
import { loadConfiguration } from '../../src/config/load.js';
import { mintWithKey } from '../../src/credential/mint-with-key.js';
import { openHosts } from '../../src/operations/served-hosts.js';
import { parseRequest } from '../../src/protocol/request.js';
import { MemoryRecord } from '../../src/replay/memory-record.js';
import { MemorySeenUsers } from '../../src/users/memory-seen-users.js';
import { temporaryFile } from '../support/folder.js';
import { key, NOW, SECRETS } from '../support/keys.js';

/** What a configuration makes of requests: "yes", or the reason why not. */
async function subject(
  settings: string,
  lists: Readonly<Record<string, string>> = {},
): Promise<(request: string) => Promise<string>> {
  const file = temporaryFile(`${settings}\n`);
  for (const [name, text] of Object.entries(lists)) writeFileSync(join(dirname(file), name), text);
  const { hosts } = await loadConfiguration(file, {});
  const hostOf = await openHosts(hosts, { seen: new MemorySeenUsers(), onTrouble: () => undefined });
  const authenticator = new Authenticator({ hostOf, replay: new MemoryRecord(), clock: () => NOW });
  return async (request) => {
    const [operation, user, host] = request.split(' ');
    const token = operation === 'auth' ? `:${mintWithKey(key, `${user}@${host}`, NOW)}` : '';
    const verdict = await authenticator.decide(
      parseRequest(Buffer.from(`${operation}:${user}:${host}${token}`)),
    );
    return verdict.accepted ? 'yes' : verdict.reason;
  };
}

describe('who is a user', () => {
  it('is anybody where nothing is said', async () => {
    const ask = await subject(SECRETS);
    expect([await ask('isuser alice a.example'), await ask('auth alice a.example')]).toEqual(['yes', 'yes']);
  });

  it('is who has logged in before', async () => {
    const ask = await subject(`users = "seen"\n${SECRETS}`);
    expect(await ask('isuser alice a.example')).toBe('unknown-user');
    expect(await ask('auth alice a.example')).toBe('yes');
    expect(await ask('isuser alice a.example')).toBe('yes');
    expect(await ask('isuser alice b.example')).toBe('unknown-user');
  });

  it('is who is listed; logins of others are for the list only where it says so', async () => {
    const settings = `users = "file:list"\n${SECRETS}[hosts."a.example"]\n[hosts."b.example"]\nrestrict_auth = true\n`;
    const ask = await subject(settings, { list: 'alice\n' });
    expect(await ask('isuser alice a.example')).toBe('yes');
    expect(await ask('isuser bob a.example')).toBe('unknown-user');
    expect(await ask('auth bob a.example')).toBe('yes');
    expect(await ask('auth alice b.example')).toBe('yes');
    expect(await ask('auth bob b.example')).toBe('unlisted-user');
  });

  it('is not who is blocked, though the application still signs; a host can say otherwise', async () => {
    const settings = `blocked_users = "file:blocked"\n${SECRETS}[hosts."a.example"]\n[hosts."b.example"]\nblocked_users = "file:none"\n`;
    const ask = await subject(settings, { blocked: 'mallory\n', none: '' });
    expect(await ask('auth mallory a.example')).toBe('blocked-user');
    expect(await ask('isuser mallory a.example')).toBe('unknown-user');
    expect(await ask('auth alice a.example')).toBe('yes');
    expect(await ask('auth mallory b.example')).toBe('yes');
  });

  it('cannot be opened where a list is missing', async () => {
    await expect(subject(`users = "file:list"\n${SECRETS}`)).rejects.toThrow('there is no such file');
  });
});
