import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { LogSettings } from '../../src/config/log.js';
import { openLog, type Log } from '../../src/log/log.js';
import { temporaryDirectory } from '../support/directory.js';
import { NOW } from '../support/keys.js';

function openFile(path: string, settings: Partial<LogSettings> = {}, fallback?: Log): Log {
  const all: LogSettings = { target: { kind: 'file', path }, format: 'plain', level: 'info', ...settings };
  return openLog(all, () => NOW, fallback);
}

/** A log that keeps what it is told. */
function supervisor(): { lines: string[]; log: Log } {
  const lines: string[] = [];
  const write: Log['write'] = (level, message) => lines.push(`${level} ${message}`);
  return { lines, log: { write, close: () => undefined } };
}

describe('a line', () => {
  async function written(settings: Partial<LogSettings>, ...line: Parameters<Log['write']>): Promise<string> {
    const path = join(temporaryDirectory(), 'log');
    openFile(path, settings).write(...line);
    await turn();
    return readFileSync(path, 'utf8');
  }

  it('has the fields behind the message', async () => {
    const fields = { jid: 'alice@example.com', key: undefined, ms: 0.3 };
    expect(await written({}, 'info', 'accepted', fields)).toBe(
      '2026-11-23T18:00:00.000Z info accepted jid="alice@example.com" ms=0.3\n',
    );
  });

  it('is an object in JSON', async () => {
    const fields = { jid: 'alice@example.com', key: undefined, ms: 0.3 };
    expect(await written({ format: 'json' }, 'info', 'accepted', fields)).toBe(
      '{"time":"2026-11-23T18:00:00.000Z","level":"info","message":"accepted","jid":"alice@example.com","ms":0.3}\n',
    );
  });

  it('is one line, whatever a name or a message holds, and nothing that a terminal acts on', async () => {
    const hostile = 'a\n2026 info "b"\u009b31m\u2028\u202e\u{e0001}\ud800\\';
    expect(await written({}, 'info', 'one\n  two\u001b', { jid: hostile })).toBe(
      '2026-11-23T18:00:00.000Z info one | two\\u{1b} ' +
        'jid="a\\n2026 info \\"b\\"\\u{9b}31m\\u{2028}\\u{202e}\\u{e0001}\\ud800\\\\"\n',
    );
    const json = await written({ format: 'json' }, 'info', hostile, { jid: hostile });
    expect(json).toMatch(/^[\x20-\x7e]*\n$/);
    expect(JSON.parse(json)).toMatchObject({ message: hostile, jid: hostile });
  });

  it('is left out where it matters less than it should', async () => {
    const path = join(temporaryDirectory(), 'log');
    const log = openFile(path, { level: 'warning' });
    for (const level of ['info', 'warning', 'error'] as const) log.write(level, 'something');
    await turn();
    expect(readFileSync(path, 'utf8').match(/ \w+ something/g)).toEqual([
      ' warning something',
      ' error something',
    ]);
  });
});

describe('a log in a file', () => {
  it('is written at the end of the turn, and for an error at once, in the order of the lines', async () => {
    const path = join(temporaryDirectory(), 'log');
    const log = openFile(path);
    log.write('info', 'first');
    expect(() => statSync(path)).toThrow('ENOENT');
    await turn();
    expect(readFileSync(path, 'utf8')).toMatch(/first\n$/);
    log.write('info', 'second');
    log.write('error', 'third');
    expect(readFileSync(path, 'utf8')).toMatch(/first\n.*second\n.*third\n$/);
    expect(statSync(path).mode & 0o007).toBe(0);
  });

  it('is written at its close', () => {
    const path = join(temporaryDirectory(), 'log');
    const log = openFile(path);
    log.write('info', 'last');
    void log.close();
    expect(readFileSync(path, 'utf8')).toMatch(/last\n$/);
  });

  it('does not wait for the end of a turn with more lines than are written together', () => {
    const path = join(temporaryDirectory(), 'log');
    const log = openFile(path);
    for (let line = 0; line < 2000; line += 1) log.write('info', 'x'.repeat(100));
    expect(statSync(path).size).toBeGreaterThan(2000 * 60);
  });

  it('goes on in a new file when logrotate moves the old one away', async () => {
    const path = join(temporaryDirectory(), 'log');
    const log = openFile(path);
    log.write('info', 'before');
    await turn();
    renameSync(path, `${path}.1`);
    log.write('info', 'after');
    await turn();
    expect([`${path}.1`, path].map((file) => readFileSync(file, 'utf8').trim().split(' ').at(-1))).toEqual([
      'before',
      'after',
    ]);
  });

  it('says elsewhere that it cannot be written and what it would have said, and goes on when it can', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'later', 'log');
    const { lines, log: fallback } = supervisor();
    const log = openFile(path, {}, fallback);
    for (const message of ['one', 'two']) {
      log.write('info', message);
      await turn();
    }
    expect(lines).toEqual(['error log write failed', 'info two']);
    mkdirSync(join(directory, 'later'));
    await expect.poll(() => lines).toContain('warning log recovered');
    log.write('info', 'three');
    await turn();
    expect(readFileSync(path, 'utf8')).toMatch(/^.* one\n.* three\n$/);
  });

  it('lets the answers go on where the disk is full', async () => {
    const { lines, log: fallback } = supervisor();
    const log = openFile('/dev/full', {}, fallback);
    log.write('info', 'one');
    await turn();
    expect(lines).toEqual(['error log write failed']);
  });
});

describe('a log in a FIFO', () => {
  function fifo(): string {
    const path = join(temporaryDirectory(), 'fifo');
    execFileSync('mkfifo', [path]);
    return path;
  }

  it('does not wait for a reader', async () => {
    const { lines, log: fallback } = supervisor();
    openFile(fifo(), {}, fallback).write('info', 'accepted');
    await turn();
    expect(lines).toEqual(['error log write failed']);
  });

  it('keeps some lines for a reader that does not read, loses the others, and tears none', async () => {
    const path = fifo();
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { lines, log: fallback } = supervisor();
    const log = openFile(path, {}, fallback);
    const padding = 'x'.repeat(1000);
    for (let line = 0; line < 3000; line += 1) log.write('info', `${line} ${padding}`);
    await turn();
    expect(lines[0]).toBe('error log write failed');
    expect(lines.length).toBeGreaterThan(1500);
    let text = '';
    const read = (): string => {
      const buffer = Buffer.alloc(1024 * 1024);
      try {
        text += buffer.toString('latin1', 0, readSync(reader, buffer));
      } catch {
        // Nothing at present.
      }
      return text;
    };
    await expect.poll(read, { interval: 5, timeout: 10_000 }).toContain('can be written again path=');
    closeSync(reader);
    const whole = text.split('\n').filter((line) => line.endsWith(padding));
    expect(whole.map((line) => Number(line.split(' ')[2]))).toEqual(whole.map((_, index) => index));
    expect(whole.length + lines.length).toBeGreaterThanOrEqual(3000);
    expect(text.split('\n')).toHaveLength(whole.length + 2);
  });
});
