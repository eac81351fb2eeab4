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
import { setImmediate as nextIteration } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { LogSettings } from '../../src/config/log.js';
import { openLog, type Log } from '../../src/log/log.js';
import { temporaryDirectory } from '../support/directory.js';
import { NOW } from '../support/keys.js';

function openFile(path: string, settings: Partial<LogSettings> = {}, fallback?: Log): Log {
  const all: LogSettings = {
    target: { kind: 'file', path },
    format: 'plain',
    level: 'info',
    clientAddress: true,
    ...settings,
  };
  return openLog(all, () => NOW, {}, fallback);
}

/** A log that collects its lines. */
function collectingLog(): { lines: string[]; log: Log } {
  const lines: string[] = [];
  const write: Log['write'] = (level, message) => lines.push(`${level} ${message}`);
  return { lines, log: { write, close: () => undefined } };
}

describe('a log line', () => {
  async function written(settings: Partial<LogSettings>, ...line: Parameters<Log['write']>): Promise<string> {
    const path = join(temporaryDirectory(), 'log');
    openFile(path, settings).write(...line);
    await nextIteration();
    return readFileSync(path, 'utf8');
  }

  it('has the fields after the message', async () => {
    const fields = { jid: 'alice@example.com', key: undefined, ms: 0.3 };
    expect(await written({}, 'info', 'accepted', fields)).toBe(
      '2026-11-23T18:00:00.000Z info accepted jid="alice@example.com" ms=0.3\n',
    );
  });

  it('is a JSON object if the format is json', async () => {
    const fields = { jid: 'alice@example.com', key: undefined, ms: 0.3 };
    expect(await written({ format: 'json' }, 'info', 'accepted', fields)).toBe(
      '{"time":"2026-11-23T18:00:00.000Z","level":"info","message":"accepted","jid":"alice@example.com","ms":0.3}\n',
    );
  });

  it('stays one line of printable ASCII, whatever it contains', async () => {
    const hostile = 'a\n2026 info "b"\u009b31m\u2028\u202e\u{e0001}\ud800\\';
    expect(await written({}, 'info', 'one\n  two\u001b', { jid: hostile })).toBe(
      '2026-11-23T18:00:00.000Z info one | two\\u{1b} ' +
        'jid="a\\n2026 info \\"b\\"\\u{9b}31m\\u{2028}\\u{202e}\\u{e0001}\\ud800\\\\"\n',
    );
    const json = await written({ format: 'json' }, 'info', hostile, { jid: hostile });
    expect(json).toMatch(/^[\x20-\x7e]*\n$/);
    expect(JSON.parse(json)).toMatchObject({ message: hostile, jid: hostile });
  });

  it('is dropped below the configured level', async () => {
    const path = join(temporaryDirectory(), 'log');
    const log = openFile(path, { level: 'warning' });
    for (const level of ['info', 'warning', 'error'] as const) log.write(level, 'something');
    await nextIteration();
    expect(readFileSync(path, 'utf8').match(/ \w+ something/g)).toEqual([
      ' warning something',
      ' error something',
    ]);
  });
});

describe('a file log', () => {
  it('is written at the end of the event loop iteration, errors at once, in order', async () => {
    const path = join(temporaryDirectory(), 'log');
    const log = openFile(path);
    log.write('info', 'first');
    expect(() => statSync(path)).toThrow('ENOENT');
    await nextIteration();
    expect(readFileSync(path, 'utf8')).toMatch(/first\n$/);
    log.write('info', 'second');
    log.write('error', 'third');
    expect(readFileSync(path, 'utf8')).toMatch(/first\n.*second\n.*third\n$/);
    expect(statSync(path).mode & 0o007).toBe(0);
  });

  it('is flushed by close()', () => {
    const path = join(temporaryDirectory(), 'log');
    const log = openFile(path);
    log.write('info', 'last');
    void log.close();
    expect(readFileSync(path, 'utf8')).toMatch(/last\n$/);
  });

  it('writes a large batch before the event loop iteration ends', () => {
    const path = join(temporaryDirectory(), 'log');
    const log = openFile(path);
    for (let line = 0; line < 2000; line += 1) log.write('info', 'x'.repeat(100));
    expect(statSync(path).size).toBeGreaterThan(2000 * 60);
  });

  it('continues in a new file after logrotate moved the old one', async () => {
    const path = join(temporaryDirectory(), 'log');
    const log = openFile(path);
    log.write('info', 'before');
    await nextIteration();
    renameSync(path, `${path}.1`);
    log.write('info', 'after');
    await nextIteration();
    expect([`${path}.1`, path].map((file) => readFileSync(file, 'utf8').trim().split(' ').at(-1))).toEqual([
      'before',
      'after',
    ]);
  });

  it('uses the fallback while it cannot be written, and recovers', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'later', 'log');
    const { lines, log: fallback } = collectingLog();
    const log = openFile(path, {}, fallback);
    for (const message of ['one', 'two']) {
      log.write('info', message);
      await nextIteration();
    }
    expect(lines).toEqual(['error log write failed', 'info two']);
    mkdirSync(join(directory, 'later'));
    await expect.poll(() => lines).toContain('warning log recovered');
    log.write('info', 'three');
    await nextIteration();
    expect(readFileSync(path, 'utf8')).toMatch(/^.* one\n.* three\n$/);
  });

  it('does not throw if the disk is full', async () => {
    const { lines, log: fallback } = collectingLog();
    const log = openFile('/dev/full', {}, fallback);
    log.write('info', 'one');
    await nextIteration();
    expect(lines).toEqual(['error log write failed']);
  });
});

describe('a FIFO log', () => {
  function fifo(): string {
    const path = join(temporaryDirectory(), 'fifo');
    execFileSync('mkfifo', [path]);
    return path;
  }

  it('does not wait for a reader', async () => {
    const { lines, log: fallback } = collectingLog();
    openFile(fifo(), {}, fallback).write('info', 'accepted');
    await nextIteration();
    expect(lines).toEqual(['error log write failed']);
  });

  it('buffers some lines for a slow reader, drops the others, and splits none', async () => {
    const path = fifo();
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { lines, log: fallback } = collectingLog();
    const log = openFile(path, {}, fallback);
    const padding = 'x'.repeat(1000);
    for (let line = 0; line < 3000; line += 1) log.write('info', `${line} ${padding}`);
    await nextIteration();
    expect(lines[0]).toBe('error log write failed');
    expect(lines.length).toBeGreaterThan(1500);
    let text = '';
    const read = (): string => {
      const buffer = Buffer.alloc(1024 * 1024);
      try {
        text += buffer.toString('latin1', 0, readSync(reader, buffer));
      } catch {
        // The FIFO is empty.
      }
      return text;
    };
    await expect.poll(read, { interval: 5 }).toContain('log recovered path=');
    closeSync(reader);
    const whole = text.split('\n').filter((line) => line.endsWith(padding));
    expect(whole.map((line) => Number(line.split(' ')[2]))).toEqual(whole.map((_, index) => index));
    expect(whole.length + lines.length).toBeGreaterThanOrEqual(3000);
    expect(text.split('\n')).toHaveLength(whole.length + 2);
  });
});
