import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openAppPasswords } from '../../../src/passwords/app-passwords/app-passwords.js';
import { lineOf } from '../../../src/passwords/app-passwords/entries.js';
import { PasswordBackendError, type PasswordBackend } from '../../../src/passwords/backend.js';
import { add, isUser, JID, newFile, verify } from './support.js';

describe('a faulty file of app passwords', () => {
  async function opened(path: string): Promise<{ backend: PasswordBackend; warnings: string[] }> {
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    return { backend: await openAppPasswords({ kind: 'app-passwords', path }, { onWarning }), warnings };
  }

  it('that does not exist yet counts as empty, with an advice', async () => {
    const path = newFile();
    const { backend, warnings } = await opened(path);
    expect(await verify(backend, 'alice', 'x')).toBe('wrong');
    expect(await isUser(backend, 'alice')).toBe(false);
    expect(warnings).toEqual([
      expect.stringContaining(`${path}: there is no such file yet. To create it: xtokend passwd`),
    ]);
    const password = await add(path, JID, 'phone');
    expect(await verify(backend, 'alice', password)).toBe('accepted');
    expect(warnings).toHaveLength(1);
  });

  it('makes the back end unavailable until it is fixed, also if it is missing', async () => {
    const path = newFile();
    const password = await add(path, JID, 'phone');
    const { backend, warnings } = await opened(path);
    expect(await verify(backend, 'alice', password)).toBe('accepted');
    renameSync(path, `${path}.old`);
    await expect(verify(backend, 'alice', password)).rejects.toThrow(PasswordBackendError);
    await expect(isUser(backend, 'alice')).rejects.toThrow(/it is missing, .* Put it back/);
    expect(warnings).toHaveLength(1);
    renameSync(`${path}.old`, path);
    expect(await verify(backend, 'alice', password)).toBe('accepted');
    writeFileSync(path, '{}\n');
    await expect(verify(backend, 'alice', password)).rejects.toThrow(/line 1: expected a JSON object/);
    // Once its change time is in the past, it is not read again.
    await new Promise((resolve) => setTimeout(resolve, 150));
    await expect(isUser(backend, 'alice')).rejects.toThrow(PasswordBackendError);
    await expect(isUser(backend, 'alice')).rejects.toThrow(PasswordBackendError);
    expect(warnings).toHaveLength(2);
    writeFileSync(path, '');
    expect(await verify(backend, 'alice', password)).toBe('wrong');
    expect(warnings).toHaveLength(2);
  });

  it.each([
    [
      'invalid',
      (path: string) => {
        writeFileSync(path, 'x');
      },
      /line 1: expected a JSON object/,
    ],
    [
      'not UTF-8',
      (path: string) => {
        writeFileSync(path, Buffer.from([0xff, 0x31]));
      },
      /expected UTF-8/,
    ],
    [
      'a directory',
      (path: string) => {
        mkdirSync(path);
      },
      /expected a regular file/,
    ],
    [
      'too large',
      (path: string) => {
        writeFileSync(path, '#'.repeat(2 ** 24 + 1));
      },
      /expected at most 16777216 bytes/,
    ],
  ] as const)('that is %s at the start makes no other login fail', async (_, make, expected) => {
    const path = newFile();
    make(path);
    const { backend, warnings } = await opened(path);
    await expect(verify(backend, 'alice', 'x')).rejects.toThrow(expected);
    await expect(verify(backend, 'alice', 'x')).rejects.toThrow(PasswordBackendError);
    expect(warnings).toEqual([expect.stringMatching(expected)]);
    rmSync(path, { recursive: true });
    // It has existed, so it is not known whether somebody had an app password.
    await expect(isUser(backend, 'alice')).rejects.toThrow(/it is missing/);
  });

  it('that can not be read makes the back end unavailable', async () => {
    const path = newFile();
    // Root can read every file, but no directory.
    mkdirSync(path);
    const { backend } = await opened(path);
    await expect(isUser(backend, 'alice')).rejects.toThrow(PasswordBackendError);
  });

  it('with 20,000 users is parsed between other work', async () => {
    const path = newFile();
    const hash = { parameters: { ln: 4, r: 8, p: 1 }, salt: Buffer.from('salt'), hash: Buffer.alloc(32) };
    const { text } = lineOf({ jid: JID, label: 'x', created: 0, hash });
    writeFileSync(
      path,
      Array.from({ length: 20_000 }, (_, index) => text.replace('alice', `alice${index}`)).join('\n'),
    );
    let iterations = 0;
    const timer = setInterval(() => (iterations += 1), 0);
    const { backend } = await opened(path);
    clearInterval(timer);
    expect(iterations).toBeGreaterThan(10);
    expect(await isUser(backend, 'alice19999')).toBe(true);
  });
});
