import {
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AppendedFile } from '../../src/log/sinks/appended-file.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import {
  OTHER_USER,
  passableDirectory,
  requireRoot,
  runAsOther,
  sharedDirectory,
  startAsOther,
} from '../support/system/other-user.js';

function open(path: string): (text: string) => number {
  const file = new AppendedFile(path);
  onTestFinished(() => {
    file.close();
  });
  return (text) => file.write(Buffer.from(text));
}

/** Replaces a directory by a link to another and back, in a loop. */
const EXCHANGE = `
  const fs = require('fs'), [own, elsewhere] = process.argv.slice(1);
  console.log('ready');
  for (;;) {
    fs.renameSync(own, own + '.away');
    fs.symlinkSync(elsewhere, own);
    fs.unlinkSync(own);
    fs.renameSync(own + '.away', own);
  }`;

describe('a log file in a directory that others can write to', () => {
  beforeEach(requireRoot);

  it.each([
    ['belongs to another user', 0o755, OTHER_USER],
    ['is writable by everybody', 0o777, 0],
  ])('is refused if its directory %s', (_, mode, uid) => {
    const directory = sharedDirectory(mode, uid);
    const victim = temporaryFile('secret');
    runAsOther('ln -s "$2" "$1/log"', directory, victim);
    expect(() => open(join(directory, 'log'))('line')).toThrow(
      /^expected a path that only root and this user can change.*; fix: ch/,
    );
    mkdirSync(join(directory, 'own'));
    expect(() => open(join(directory, 'own', 'log'))('line')).toThrow(directory);
    expect(readFileSync(victim, 'utf8')).toBe('secret');
  });

  // Like /var/log on Ubuntu.
  it('is refused if a group replaces it by a symbolic link, a hard link, or a file of its own', () => {
    const directory = sharedDirectory(0o775, 0, OTHER_USER);
    const log = join(directory, 'log');
    const victim = temporaryFile('secret');
    const write = open(log);
    write('first\n');
    expect(readFileSync(log, 'utf8')).toBe('first\n');
    runAsOther('mv "$1" "$1.1" && ln -s "$2" "$1"', log, victim);
    expect(() => write('second\n')).toThrow(/^expected a path.*group /);
    rmSync(log);
    linkSync(victim, log);
    expect(() => write('third\n')).toThrow('expected a file of this user or root with a single name');
    rmSync(log);
    runAsOther('mkfifo "$1"', log);
    expect(() => write('fourth\n')).toThrow();
    rmSync(log);
    runAsOther(': >"$1"', log);
    expect(() => write('fifth\n')).toThrow();
    rmSync(log);
    write('sixth\n');
    expect(readFileSync(log, 'utf8')).toBe('sixth\n');
    expect(readFileSync(victim, 'utf8')).toBe('secret');
  });

  it('is never reached through a directory that a group replaces meanwhile', async () => {
    const directory = sharedDirectory(0o775, 0, OTHER_USER);
    mkdirSync(join(directory, 'own'));
    const elsewhere = passableDirectory();
    const victim = join(elsewhere, 'log');
    writeFileSync(victim, 'secret');
    await startAsOther(EXCHANGE, join(directory, 'own'), elsewhere);
    const end = Date.now() + 2000;
    let written = 0;
    while (Date.now() < end) {
      const file = new AppendedFile(join(directory, 'own', 'log'));
      try {
        written += file.write(Buffer.from('line'));
      } catch {
        // The replacement was detected.
      }
      file.close();
    }
    expect(readFileSync(victim, 'utf8')).toBe('secret');
    expect(written).toBeGreaterThan(0);
  });

  it('is refused if another user created it in a sticky directory', () => {
    const log = join(sharedDirectory(0o1777), 'log');
    runAsOther('umask 0; : >"$1"', log);
    expect(() => open(log)('line')).toThrow(' owns ');
    expect(statSync(log).size).toBe(0);
    rmSync(log);
    open(log)('line');
    expect(readFileSync(log, 'utf8')).toBe('line');
  });

  it('can belong to another user in a directory of root', () => {
    const log = join(temporaryDirectory(), 'log');
    writeFileSync(log, '');
    chownSync(log, OTHER_USER, OTHER_USER);
    open(log)('line');
    expect(readFileSync(log, 'utf8')).toBe('line');
  });
});

describe('a log file', () => {
  it('can be a link of this user or root, also to a descriptor', () => {
    const directory = temporaryDirectory();
    const target = temporaryFile('before\n', 'log');
    symlinkSync(target, join(directory, 'log'));
    const write = open(join(directory, 'log'));
    write('line\n');
    write('line\n');
    expect(readFileSync(target, 'utf8')).toBe('before\nline\nline\n');
    const descriptor = openSync(target, 'a');
    onTestFinished(() => {
      closeSync(descriptor);
    });
    symlinkSync(`/proc/self/fd/${descriptor}`, join(directory, 'descriptor'));
    open(join(directory, 'descriptor'))('last\n');
    expect(readFileSync(target, 'utf8')).toBe('before\nline\nline\nlast\n');
  });
});
