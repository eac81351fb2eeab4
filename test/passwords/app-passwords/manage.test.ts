import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { editFile } from '../../../src/passwords/app-passwords/edit-file.js';
import { lineOf } from '../../../src/passwords/app-passwords/entries.js';
import {
  addAppPassword,
  readAppPasswords,
  removeAppPasswords,
} from '../../../src/passwords/app-passwords/manage.js';
import { DEFAULT_PARAMETERS } from '../../../src/passwords/app-passwords/phc.js';
import { mountTmpfs } from '../../support/system/mounts.js';
import { add, JID, labelsIn, newFile } from './support.js';

const NO_HASH = { parameters: DEFAULT_PARAMETERS, salt: Buffer.from('salt'), hash: Buffer.alloc(32) };

/** Adds app passwords with consecutive labels until it is killed, and prints each label when it is done. */
const ADDER = `
  const { createAppPassword } = await import('${process.cwd()}/dist/index.js');
  const [file, prefix, count] = process.argv.slice(1);
  for (let number = 0; number < Number(count); number += 1) {
    const label = prefix + number;
    await createAppPassword({ file, jid: 'alice@example.com', label });
    process.stdout.write(label + '\\n');
  }`;

describe('app passwords in a file', () => {
  it('are added and removed, and other lines stay as they are', async () => {
    const file = newFile();
    await add(file, JID, 'phone');
    const [line] = readFileSync(file, 'utf8').split('\n');
    const edited = `# mine\n\n  ${String(line)}  \n#end`;
    writeFileSync(file, edited);
    await add(file, 'Bob@Example.com', 'phone');
    const entries = await readAppPasswords(file);
    expect(entries.map(({ jid, label }) => [jid, label])).toEqual([
      [JID, 'phone'],
      ['bob@example.com', 'phone'],
    ]);
    expect(Math.abs((entries[1]?.created ?? 0) - Date.now())).toBeLessThan(30_000);
    expect(readFileSync(file, 'utf8').startsWith(`${edited}\n{"jid":"bob@example.com",`)).toBe(true);
    expect(await removeAppPasswords(file, 'BOB@example.com', 'other')).toEqual([]);
    expect(await removeAppPasswords(file, 'BOB@example.com', 'phone')).toMatchObject([{ label: 'phone' }]);
    expect(readFileSync(file, 'utf8')).toBe(`${edited}\n`);
    expect(readdirSync(dirname(file))).toEqual(['app-passwords']);
  });

  it.each([
    ['a short password', { password: 'x'.repeat(11) }, 'expected 12 to 128 characters, found 11'],
    ['a long password', { password: 'x'.repeat(129) }, 'expected 12 to 128 characters, found 129'],
    ['an empty password', { password: '' }, 'expected 12 to 128 characters, found 0'],
    ['another letter', { password: 'pässwörd1234' }, 'expected printable ASCII characters'],
    ['a line feed', { password: 'pass\nword1234' }, 'expected printable ASCII characters'],
    ['a token', { password: `${'1'.repeat(40)} secret` }, 'expected fewer than 32 digits in a row'],
    ['an empty label', { label: '' }, 'the label: expected 1 to 64 printable'],
    ['a label with spaces around it', { label: ' phone' }, 'the label: expected 1 to 64 printable'],
    ['a label with a control character', { label: 'a\tb' }, 'the label: expected 1 to 64 printable'],
    ['no JID', { jid: 'alice' }, 'expected a JID like user@example.com'],
  ])('are not added with %s; the message has no password', async (_, change, expected) => {
    const file = newFile();
    const adding = addAppPassword({ file, jid: JID, label: 'phone', password: undefined, ...change });
    const { message } = (await adding.catch((error: unknown) => error)) as Error;
    expect(message).toContain(expected);
    expect(message).not.toMatch(/xxx|1111|secret|wörd/);
    expect(existsSync(file)).toBe(false);
  });

  it('have one label each', async () => {
    const file = newFile();
    await add(file, JID, 'phone');
    await expect(add(file, 'ALICE@example.com', 'phone')).rejects.toMatchObject({ code: 'duplicate-label' });
    expect(await labelsIn(file)).toEqual(['phone']);
  });

  it('are not changed if the file is invalid', async () => {
    const file = newFile();
    writeFileSync(file, '{}\n');
    await expect(add(file, JID, 'phone')).rejects.toThrow(`${file}: line 1: expected a JSON object`);
    await expect(removeAppPasswords(file, JID, 'phone')).rejects.toMatchObject({
      code: 'app-passwords-unavailable',
    });
    expect(readFileSync(file, 'utf8')).toBe('{}\n');
    truncateSync(file, 2 ** 24 + 1);
    await expect(add(file, JID, 'phone')).rejects.toThrow('expected at most 16777216 bytes');
  });

  it('are all there after many processes have added some at the same time', async () => {
    const file = newFile();
    const processes = Array.from({ length: 5 }, (_, index) =>
      spawn('node', ['--input-type=module', '-e', ADDER, file, `p${index}.`, '4'], {
        stdio: ['ignore', 'ignore', 'inherit'],
      }),
    );
    const ends = await Promise.all(processes.map((child) => once(child, 'exit')));
    expect(ends.map(([code]) => code as unknown)).toEqual(ends.map(() => 0));
    expect(new Set(await labelsIn(file)).size).toBe(20);
    expect(readdirSync(dirname(file))).toEqual(['app-passwords']);
  });

  it('are all there after processes were killed while they wrote', { timeout: 120_000 }, async () => {
    const file = newFile();
    const done: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const args = ['--input-type=module', '-e', ADDER, file, `r${round}.`, '1000'];
      const child = spawn('node', args, { stdio: ['ignore', 'pipe', 'inherit'] });
      child.stdout.on('data', (data: Buffer) => done.push(...data.toString().trim().split('\n')));
      await once(child.stdout, 'data', { signal: AbortSignal.timeout(30_000) });
      await delay(Math.random() * 150);
      child.kill('SIGKILL');
      await once(child, 'close');
      const labels = await labelsIn(file);
      expect(labels).toEqual(expect.arrayContaining(done));
      // The last one may have been stored, but not reported.
      expect(labels.length - done.length).toBeLessThanOrEqual(round + 1);
    }
    await add(file, JID, 'last');
    expect(await labelsIn(file)).toContain('last');
    expect(readdirSync(dirname(file))).toEqual(['app-passwords']);
  });

  it('can be added although a killed process has left a lock and a temporary file', async () => {
    const file = newFile();
    await add(file, JID, 'phone');
    mkdirSync(`${file}.lock`);
    utimesSync(`${file}.lock`, new Date(), new Date(Date.now() - 60_000));
    writeFileSync(`${file}.12345678-1234-1234-1234-123456789abc.tmp`, '{"jid":');
    writeFileSync(`${file}.backup`, '');
    await add(file, JID, 'tablet');
    expect(readdirSync(dirname(file)).sort()).toEqual(['app-passwords', 'app-passwords.backup']);
  });

  it.each([
    [
      'writes',
      (file: string, text: string) => {
        writeFileSync(file, text);
      },
    ],
    [
      'replaces',
      (file: string, text: string) => {
        writeFileSync(`${file}.new`, text);
        renameSync(`${file}.new`, file);
      },
    ],
  ] as const)('are not lost if a program that has no lock %s the file meanwhile', async (_, change) => {
    const file = newFile();
    const { text } = lineOf({ jid: JID, label: 'other', created: 0, hash: NO_HASH });
    const seen: number[] = [];
    await editFile(file, (lines) => {
      seen.push(lines.length);
      if (seen.length < 3) change(file, `${text}\n`.repeat(seen.length).replace('other', 'another'));
      const added = lineOf({ jid: JID, label: 'phone', created: 0, hash: NO_HASH });
      return Promise.resolve({ lines: [...lines, added], result: undefined });
    });
    expect(seen).toEqual([0, 1, 2]);
    expect(await labelsIn(file)).toEqual(['another', 'other', 'phone']);
    expect(readdirSync(dirname(file))).toEqual(['app-passwords']);
    const editing = editFile(file, (lines) => {
      writeFileSync(file, `#${'x'.repeat(seen.push(0))}\n`);
      return Promise.resolve({ lines, result: undefined });
    });
    await expect(editing).rejects.toThrow('another program keeps changing it. Try again');
  });

  it('stay as they are if the disk is full', async (context) => {
    const directory = mountTmpfs('size=12k');
    if (directory === undefined) {
      context.skip('this user may not mount a file system');
      return;
    }
    const file = join(directory, 'app-passwords');
    await add(file, JID, 'phone');
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, `${before}#${'x'.repeat(4200)}\n`);
    const text = readFileSync(file, 'utf8');
    const adding = add(file, JID, 'tablet');
    await expect(adding).rejects.toThrow(`${file}: the disk is full. The file was not changed`);
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(readdirSync(directory)).toEqual(['app-passwords']);
    writeFileSync(file, before);
    await add(file, JID, 'tablet');
    expect(await labelsIn(file)).toEqual(['phone', 'tablet']);
  });
});
