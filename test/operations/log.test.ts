import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLog, type Log } from '../../src/operations/log.js';
import { temporaryFolder } from '../support/folder.js';
import { NOW } from '../support/keys.js';

const PLAIN = { format: 'plain', level: 'info' } as const;

describe('a log in a file', () => {
  it('gets one line for each call, with the fields behind the message', () => {
    const path = join(temporaryFolder(), 'log');
    const log = openLog({ ...PLAIN, target: { kind: 'file', path } }, () => NOW);
    log.write('info', 'accepted', { jid: 'alice@example.com', milliseconds: 3 });
    log.write('error', 'refused');
    expect(readFileSync(path, 'utf8')).toBe(
      '2026-11-23T18:00:00.000Z info accepted jid="alice@example.com" milliseconds=3\n' +
        '2026-11-23T18:00:00.000Z error refused\n',
    );
    expect(statSync(path).mode & 0o007).toBe(0);
  });

  it('keeps a newline in a name from making up a line', () => {
    const path = join(temporaryFolder(), 'log');
    openLog({ ...PLAIN, target: { kind: 'file', path } }, () => NOW).write('info', 'refused', {
      jid: 'a\n2026 info accepted jid="b"',
    });
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(2);
  });

  it('keeps what a terminal would act on out', () => {
    const path = join(temporaryFolder(), 'log');
    openLog({ ...PLAIN, target: { kind: 'file', path } }, () => NOW).write('info', 'refused', {
      jid: 'a\u009b31m\u2028\u202e\u{e0001}b',
    });
    expect(readFileSync(path, 'utf8')).toContain('jid="a\\u{9b}31m\\u{2028}\\u{202e}\\u{e0001}b"');
  });

  it('does not wait for the reader of a FIFO', () => {
    const path = join(temporaryFolder(), 'fifo');
    execFileSync('mkfifo', [path]);
    openLog({ ...PLAIN, target: { kind: 'file', path } }, () => NOW).write('info', 'accepted');
  });

  it('says elsewhere, once, that it cannot be written, and that it can be again', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'later', 'log');
    const elsewhere: string[] = [];
    const fallback: Log = {
      write: (level, message) => elsewhere.push(`${level} ${message}`),
      close: () => undefined,
    };
    const log = openLog({ ...PLAIN, target: { kind: 'file', path } }, () => NOW, fallback);
    for (let line = 0; line < 3; line += 1) log.write('info', 'accepted');
    mkdirSync(join(folder, 'later'));
    log.write('info', 'accepted');
    expect(elsewhere).toEqual(['error the log cannot be written', 'warning the log can be written again']);
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(2);
  });

  it('lets the answers go on when it cannot be written', () => {
    const log = openLog({ ...PLAIN, target: { kind: 'file', path: '/no/such/folder/log' } }, () => NOW);
    expect(() => {
      log.write('info', 'accepted');
    }).not.toThrow();
    expect(() => {
      openLog({ ...PLAIN, target: { kind: 'file', path: '/dev/full' } }, () => NOW).write('info', 'accepted');
    }).not.toThrow();
  });
});
