import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFile, temporaryDirectory } from './support/directory.js';
import { OTHER_USER, passableFolder } from './support/other-user.js';
import { PROGRAM } from './support/xtokend.js';

/** Nothing listens there. */
const UNREACHABLE = 'http://127.0.0.1:1/';
const INSTALLING = /^xtokend: installing the packages in package-lock.json from the npm registry, .*\n/;

/** @returns a clone in which nothing is installed yet */
function freshClone(parent: string = passableFolder()): string {
  const clone = join(parent, 'xtokend');
  mkdirSync(clone);
  for (const name of ['package.json', 'package-lock.json', '.npmrc', 'scripts']) {
    cpSync(name, join(clone, name), { recursive: true });
  }
  return clone;
}

/** @returns a clone in which all is installed and built */
function builtClone(): string {
  const clone = join(passableFolder(), 'xtokend');
  mkdirSync(join(clone, 'bin'), { recursive: true });
  cpSync('scripts/start', join(clone, 'scripts/start'));
  // What they do is done already; the bundle must stay as it is for other tests.
  for (const name of ['install', 'build.js']) writeFileSync(join(clone, 'scripts', name), '');
  symlinkSync(PROGRAM, join(clone, 'bin/xtokend'));
  return clone;
}

function start(clone: string, env: NodeJS.ProcessEnv = {}, ids = {}): SpawnSyncReturns<string> {
  const cache = join(clone, 'npm-cache');
  return spawnSync('/bin/sh', ['scripts/start'], {
    cwd: clone,
    env: { PATH: process.env['PATH'], npm_config_cache: cache, npm_config_registry: UNREACHABLE, ...env },
    input: 'isuser:a:b\n',
    encoding: 'utf8',
    ...ids,
  });
}

/** Starts as a user who isn't root, since root may write everywhere. */
function startAsUser(clone: string): SpawnSyncReturns<string> {
  const isRoot = process.getuid?.() === 0;
  return start(clone, {}, isRoot ? { uid: OTHER_USER, gid: OTHER_USER } : {});
}

function program(directory: string, name: string, script: string): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

describe('npm start', () => {
  it('follows no link that somebody has put where it makes the configuration', () => {
    const directory = join(temporaryDirectory(), 'shared');
    mkdirSync(directory, { mode: 0o1777 });
    const victim = temporaryFile('victim');
    const config = join(directory, 'xtokend.toml');
    symlinkSync(join(directory, 'nowhere'), config);
    symlinkSync(victim, `${config}.new`);
    const { status, stdout, stderr } = start(builtClone(), { XTOKEND_CONFIG: config });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('a symbolic link to nothing is in its place. Remove it');
    expect(readFileSync(victim, 'utf8')).toBe('victim');
    expect(readdirSync(directory).sort()).toEqual(['xtokend.toml', 'xtokend.toml.new']);
  });

  it('makes a configuration that only its user can read', () => {
    const clone = builtClone();
    expect(start(clone)).toMatchObject({ status: 0, stdout: '1\n' });
    expect(lstatSync(join(clone, 'local/xtokend.toml'))).toMatchObject({ mode: 0o100600 });
  });

  it('names the directory in which it cannot make the configuration', () => {
    const clone = builtClone();
    mkdirSync(join(clone, 'local'), { mode: 0o755 });
    chmodSync(join(clone, 'local'), 0o555);
    const { status, stdout, stderr } = startAsUser(clone);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`may not write to ${clone}/local. Run this as root, or name another file`);
    expect(stderr.split('\n')).toHaveLength(3);
  });
});

describe('npm start in a fresh clone', () => {
  /** Expects one sentence, and before it only that something is being installed. */
  function expectSentence({ status, stdout, stderr }: SpawnSyncReturns<string>, sentence: string): void {
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    const said = stderr.replace(INSTALLING, '');
    expect(said).toContain(`xtokend: ${sentence}`);
    expect(said).toMatch(/^xtokend: .*\n$/);
  }

  it('says at once what it does, and soon that the registry cannot be reached', () => {
    const ended = start(freshClone());
    expect(ended.stderr).toMatch(INSTALLING);
    expectSentence(
      ended,
      `cannot reach the npm registry, ${UNREACHABLE} (ECONNREFUSED). Connect this machine`,
    );
  });

  it('installs again what was left half installed', () => {
    const clone = freshClone();
    mkdirSync(join(clone, 'node_modules'));
    for (const name of readdirSync('node_modules')) {
      if (!name.startsWith('.'))
        symlinkSync(join(process.cwd(), 'node_modules', name), join(clone, 'node_modules', name));
    }
    expect(start(clone).stderr).toMatch(INSTALLING);
  });

  it('names a directory that it may not write to', () => {
    const clone = freshClone();
    chmodSync(clone, 0o555);
    onTestFinished(() => {
      chmodSync(clone, 0o755);
    });
    expectSentence(
      startAsUser(clone),
      `cannot write to ${clone}, where node_modules is installed. Make it writable`,
    );
  });

  it.each([
    ['npm warn tar TAR_ENTRY_ERROR ENOSPC: no space left on device, write', 'no space is left in '],
    ['npm error code ENOSPC\nnpm error syscall write', 'no space is left in '],
    [
      'npm error code EACCES\nnpm error syscall mkdir\nnpm error path /x/y',
      'cannot write to /x/y (EACCES). Make it',
    ],
    ['npm ERR! code EROFS\nnpm ERR! path /x/y', 'cannot write to /x/y (EROFS). Make it'],
    [
      'npm error code EUSAGE\nnpm error\nnpm error `npm ci` can only',
      "package-lock.json doesn't match package.json. Get both back",
    ],
    ['npm error code SELF_SIGNED_CERT_IN_CHAIN', 'cannot reach the npm registry, '],
  ])('explains %j of npm', (output, sentence) => {
    const directory = temporaryDirectory();
    program(directory, 'npm', `case $1 in ci) printf '${output.replaceAll('\n', '\\n')}\n'; exit 1 ;; esac`);
    const ended = start(freshClone(), { PATH: `${directory}:${process.env['PATH'] ?? ''}` });
    expect(ended).toMatchObject({ status: 1, stdout: '' });
    expect(ended.stderr.replace(INSTALLING, '')).toMatch(/^xtokend: .*\n$/);
    expect(ended.stderr).toContain(sentence);
  });

  it('repeats what npm says about any other reason', () => {
    const directory = temporaryDirectory();
    program(directory, 'npm', 'if [ $1 = ci ]; then echo "npm error something new"; exit 1; fi');
    const { stderr } = start(freshClone(), { PATH: `${directory}:${process.env['PATH'] ?? ''}` });
    expect(stderr).toContain(
      'npm error something new\nxtokend: npm cannot install the packages, for the reason above.\n',
    );
  });

  it('misses package-lock.json', () => {
    const clone = freshClone();
    const lock = join(clone, 'package-lock.json');
    rmSync(lock);
    expectSentence(start(clone), `expected ${lock}; there is none. Get it back: git checkout`);
  });

  it.each(['v12.22.12', 'v18.18.2'])('says that Node.js %s is too old', (version) => {
    const directory = temporaryDirectory();
    program(directory, 'node', `echo ${version}`);
    expectSentence(
      start(freshClone(), { PATH: `${directory}:${process.env['PATH'] ?? ''}` }),
      `expected Node.js 18.19 or later, found ${version.slice(1)} (${directory}/node). Install a newer one.`,
    );
  });

  it('says that there is no Node.js, or no npm', () => {
    const directory = temporaryDirectory();
    program(directory, 'dirname', 'echo local');
    program(directory, 'sh', 'exec /bin/sh "$@"');
    const none = `there is no 'node' in PATH (${directory}). Install it.`;
    expectSentence(start(freshClone(), { PATH: directory }), `expected Node.js 18.19 or later; ${none}`);
    program(directory, 'node', 'echo v20.0.0');
    expectSentence(start(freshClone(), { PATH: directory }), 'expected npm; there is no');
  });
});
