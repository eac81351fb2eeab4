import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openAppPasswords } from '../../../src/passwords/app-passwords/app-passwords.js';
import { lineOf } from '../../../src/passwords/app-passwords/entries.js';
import { removeAppPasswords } from '../../../src/passwords/app-passwords/manage.js';
import type { ScryptParameters } from '../../../src/passwords/app-passwords/phc.js';
import { derive, type Derive } from '../../../src/passwords/app-passwords/scrypt.js';
import { PasswordBackendError } from '../../../src/passwords/backend.js';
import { hasProgram, requirePackage } from '../../support/run/requirements.js';
import { add, isUser, JID, newFile, verify } from './support.js';

const FAST = { ln: 4, r: 8, p: 1 };
const STRONGER = { ln: 5, r: 8, p: 1 };

/** Returns a line with the hash of a password. */
async function lineFor(
  user: string,
  label: string,
  salt: string,
  parameters: ScryptParameters,
): Promise<string> {
  const derived = await derive(`password of ${label}`, Buffer.from(salt), parameters);
  const hash = { parameters, salt: Buffer.from(salt), hash: derived.subarray(0, 32) };
  return lineOf({ jid: `${user}@example.com`, label, created: 0, hash }).text;
}

describe('the back end of app passwords', () => {
  it('accepts each app password of a user, and no other', async () => {
    const file = newFile();
    const used: string[] = [];
    const [phone, tablet] = [
      await add(file, JID, 'phone'),
      await add(file, JID, 'tablet', 'a chosen password'),
    ];
    const bob = await add(file, 'bob@example.com', 'phone');
    const backend = await openAppPasswords(
      { kind: 'app-passwords', path: file },
      { onUsed: (id) => used.push(id) },
    );
    expect(await verify(backend, 'alice', phone)).toBe('accepted');
    expect(await verify(backend, 'alice', tablet)).toBe('accepted');
    expect(used).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(new Set(used).size).toBe(2);
    for (const wrong of [
      bob,
      phone.toUpperCase(),
      `${phone} `,
      phone.replaceAll('-', ''),
      'x',
      '\0'.repeat(32),
    ]) {
      expect(await verify(backend, 'alice', wrong)).toBe('wrong');
    }
    expect(await verify(backend, 'mallory', phone)).toBe('wrong');
    expect(await verify(backend, 'bob', bob)).toBe('accepted');
    expect([await isUser(backend, 'alice'), await isUser(backend, 'mallory')]).toEqual([true, false]);
    await backend.close();
  });

  it('keeps the password nowhere, and one salt for each user', async () => {
    const file = newFile();
    const passwords = [await add(file, JID, 'phone'), await add(file, JID, 'tablet')];
    await add(file, 'bob@example.com', 'phone');
    const text = readFileSync(file, 'utf8');
    for (const password of passwords) {
      expect(password).toMatch(/^(?:[a-km-np-z2-9]{4}-){4}[a-km-np-z2-9]{4}$/);
      expect(text).not.toContain(password);
    }
    const salts = Array.from(text.matchAll(/p=1\$([^$]+)\$/g), ([, salt]) => salt);
    expect(salts[0]).toBe(salts[1]);
    expect(salts[2]).not.toBe(salts[0]);
  });

  it('accepts hashes that other software has made', async (context) => {
    requirePackage(context, hasProgram('python3'), 'python3');
    const script = `
import base64, hashlib
text = lambda data: base64.b64encode(data).decode().rstrip('=')
salt = bytes(range(240, 256))
print(f"$scrypt$ln=10,r=8,p=2\${text(salt)}\${text(hashlib.scrypt('pässword'.encode(), salt=salt, n=1024, r=8, p=2, dklen=64))}")`;
    const hash = spawnSync('python3', ['-c', script], { encoding: 'utf8' }).stdout.trim();
    const file = newFile();
    writeFileSync(file, JSON.stringify({ jid: JID, label: 'old', created: '2020-01-01T00:00:00Z', hash }));
    const backend = await openAppPasswords({ kind: 'app-passwords', path: file }, {});
    expect(await verify(backend, 'alice', 'pässword')).toBe('accepted');
    expect(await verify(backend, 'alice', 'password')).toBe('wrong');
    const added = await add(file, JID, 'new');
    expect(readFileSync(file, 'utf8').match(/ln=10,r=8,p=2/g)).toHaveLength(2);
    expect(await verify(backend, 'alice', added)).toBe('accepted');
    expect(await verify(backend, 'alice', 'pässword')).toBe('accepted');
  });

  it('accepts a new one at once, and refuses a removed one', async () => {
    const file = newFile();
    const backend = await openAppPasswords({ kind: 'app-passwords', path: file }, {});
    const [phone, tablet] = [await add(file, JID, 'phone'), await add(file, JID, 'tablet')];
    expect(await verify(backend, 'alice', tablet)).toBe('accepted');
    await removeAppPasswords(file, JID, 'tablet');
    expect(await verify(backend, 'alice', tablet)).toBe('wrong');
    expect(await verify(backend, 'alice', phone)).toBe('accepted');
    await removeAppPasswords(file, JID, undefined);
    expect(await isUser(backend, 'alice')).toBe(false);
  });
});

describe('the work of a check of app passwords', () => {
  /** Returns what each check computes: the parameters, for each computation. */
  async function computationsOf(text: string, users: readonly string[]): Promise<number[][]> {
    const file = newFile();
    writeFileSync(file, text);
    const computed: number[] = [];
    const salts = new Set<string>();
    const counting: Derive = (_, salt, { ln }) => {
      computed.push(ln);
      expect(salts.has(salt.toString('hex'))).toBe(false);
      salts.add(salt.toString('hex'));
      return Promise.resolve(Buffer.alloc(64, 1));
    };
    const backend = await openAppPasswords({ kind: 'app-passwords', path: file }, { derive: counting });
    const results: number[][] = [];
    for (const user of users) {
      salts.clear();
      expect(await verify(backend, user, 'wrong password')).toBe('wrong');
      results.push(computed.splice(0).sort((a, b) => a - b));
    }
    return results;
  }

  it('is one computation with the default parameters if there is no app password', async () => {
    expect(await computationsOf('# nobody\n', ['alice'])).toEqual([[14]]);
  });

  it('is one computation, however many app passwords a user has', async () => {
    const lines = [
      await lineFor('alice', 'one', 'salt', FAST),
      await lineFor('alice', 'two', 'salt', FAST),
      await lineFor('alice', 'three', 'salt', FAST),
      await lineFor('bob', 'one', 'other salt', FAST),
    ];
    const expected = [[4], [4], [4]];
    expect(await computationsOf(lines.join('\n'), ['alice', 'bob', 'mallory'])).toEqual(expected);
  });

  it('is the same for all users if some have several salts or parameters', async () => {
    const lines = [
      await lineFor('alice', 'one', 'salt 1', FAST),
      await lineFor('alice', 'two', 'salt 2', FAST),
      await lineFor('bob', 'one', 'salt 1', STRONGER),
      await lineFor('carol', 'one', 'salt 4', FAST),
      await lineFor('carol', 'two', 'salt 5', STRONGER),
      await lineFor('carol', 'three', 'salt 5', STRONGER),
    ];
    const users = ['alice', 'bob', 'carol', 'mallory', ''];
    expect(await computationsOf(lines.join('\n'), users)).toEqual(users.map(() => [4, 4, 5]));
    const file = newFile();
    writeFileSync(file, lines.join('\n'));
    const backend = await openAppPasswords({ kind: 'app-passwords', path: file }, {});
    for (const label of ['one', 'two', 'three']) {
      expect(await verify(backend, 'carol', `password of ${label}`)).toBe('accepted');
    }
    expect(await verify(backend, 'alice', 'password of two')).toBe('accepted');
    expect(await verify(backend, 'alice', 'password of three')).toBe('wrong');
  });

  it('is done for a few checks at the same time; one that nobody waits for any more does not begin', async () => {
    const path = newFile();
    let [running, most, begun] = [0, 0, 0];
    const finish: (() => void)[] = [];
    const held: Derive = async () => {
      [running, begun] = [running + 1, begun + 1];
      most = Math.max(most, running);
      await new Promise<void>((resolve) => finish.push(resolve));
      running -= 1;
      return Buffer.alloc(64);
    };
    // The limit is that of the process.
    const backends = await Promise.all(
      [1, 2].map(() => openAppPasswords({ kind: 'app-passwords', path }, { derive: held })),
    );
    const abort = new AbortController();
    const checks = backends.flatMap((backend) =>
      [1, 2, 3].map(() => verify(backend, 'alice', 'x', abort.signal).catch((error: unknown) => error)),
    );
    await expect.poll(() => finish.length).toBeGreaterThan(0);
    const allowed = running;
    expect(allowed).toBeLessThanOrEqual(2);
    abort.abort();
    for (const error of await Promise.all(checks)) {
      expect(error).toBeInstanceOf(PasswordBackendError);
      expect(String(error)).toContain('too many logins at once');
    }
    for (const done of finish.splice(0)) done();
    const [first] = backends;
    if (first === undefined) throw new Error('expected a back end');
    const last = verify(first, 'alice', 'x');
    await expect.poll(() => finish.length).toBe(1);
    finish[0]?.();
    expect(await last).toBe('wrong');
    expect([most, begun]).toEqual([allowed, allowed + 1]);
    await expect(verify(first, 'alice', 'x', abort.signal)).rejects.toThrow('too many logins at once');
    expect(begun).toBe(allowed + 1);
  });

  it('that fails makes the back end unavailable', async () => {
    const failing: Derive = () => Promise.reject(new Error('memory limit exceeded'));
    const backend = await openAppPasswords({ kind: 'app-passwords', path: newFile() }, { derive: failing });
    await expect(verify(backend, 'alice', 'x')).rejects.toThrow(PasswordBackendError);
  });
});
