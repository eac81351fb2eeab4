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
import { OTHER_USER, passableDirectory } from './support/system/other-user.js';
import { PROGRAM } from './support/xtokend.js';

/** Nothing listens there. */
const UNREACHABLE = 'http://127.0.0.1:1/';
const INSTALLING = /^xtokend: installing the packages in package-lock.json from the npm registry, .*\n/;

/** Creates a clone without installed packages. */
function freshClone(parent: string = passableDirectory()): string {
  const clone = join(parent, 'xtokend');
  mkdirSync(clone);
  for (const name of ['package.json', 'package-lock.json', '.npmrc', 'scripts']) {
    cpSync(name, join(clone, name), { recursive: true });
  }
  return clone;
}

/** Creates a clone that is installed and built. */
function builtClone(): string {
  const clone = join(passableDirectory(), 'xtokend');
  mkdirSync(join(clone, 'bin'), { recursive: true });
  cpSync('scripts/start', join(clone, 'scripts/start'));
  // Replace them by empty scripts, since other tests use the bundle.
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

/** Starts as another user than root, who may write everywhere. */
function startAsUser(clone: string): SpawnSyncReturns<string> {
  const isRoot = process.getuid?.() === 0;
  return start(clone, {}, isRoot ? { uid: OTHER_USER, gid: OTHER_USER } : {});
}

function program(directory: string, name: string, script: string): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

describe('npm start', () => {
  it('does not follow a symbolic link when it creates the configuration', () => {
    const directory = join(temporaryDirectory(), 'shared');
    mkdirSync(directory, { mode: 0o1777 });
    const victim = temporaryFile('victim');
    const config = join(directory, 'xtokend.toml');
    symlinkSync(join(directory, 'nowhere'), config);
    symlinkSync(victim, `${config}.new`);
    const { status, stdout, stderr } = start(builtClone(), { XTOKEND_CONFIG: config });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('symbolic link');
    expect(readFileSync(victim, 'utf8')).toBe('victim');
    expect(readdirSync(directory).sort()).toEqual(['xtokend.toml', 'xtokend.toml.new']);
  });

  it('creates a configuration that only its user can read', () => {
    const clone = builtClone();
    expect(start(clone)).toMatchObject({ status: 0, stdout: '1\n' });
    expect(lstatSync(join(clone, 'local/xtokend.toml'))).toMatchObject({ mode: 0o100600 });
  });

  it('names the directory in which it cannot create the configuration', () => {
    const clone = builtClone();
    mkdirSync(join(clone, 'local'), { mode: 0o755 });
    chmodSync(join(clone, 'local'), 0o555);
    const { status, stdout, stderr } = startAsUser(clone);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`${clone}/local`);
    expect(stderr.split('\n')).toHaveLength(3);
  });
});

describe('npm start in a fresh clone', () => {
  /** Expects one error line with some facts, after at most the line that announces the installation. */
  function expectError({ status, stdout, stderr }: SpawnSyncReturns<string>, ...facts: string[]): void {
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    const error = stderr.replace(INSTALLING, '');
    expect(error).toMatch(/^xtokend: .*\n$/);
    for (const fact of facts) expect(error).toContain(fact);
  }

  it('announces the installation, and reports that the registry cannot be reached', () => {
    const ended = start(freshClone());
    expect(ended.stderr).toMatch(INSTALLING);
    expectError(ended, 'npm registry', UNREACHABLE, 'ECONNREFUSED');
  });

  it('installs again after an incomplete installation', () => {
    const clone = freshClone();
    mkdirSync(join(clone, 'node_modules'));
    for (const name of readdirSync('node_modules')) {
      if (!name.startsWith('.'))
        symlinkSync(join(process.cwd(), 'node_modules', name), join(clone, 'node_modules', name));
    }
    expect(start(clone).stderr).toMatch(INSTALLING);
  });

  it('names a directory that it cannot write to', () => {
    const clone = freshClone();
    chmodSync(clone, 0o555);
    onTestFinished(() => {
      chmodSync(clone, 0o755);
    });
    expectError(startAsUser(clone), clone);
  });

  it.each([
    ['npm warn tar TAR_ENTRY_ERROR ENOSPC: no space left on device, write', 'no space is left'],
    ['npm error code ENOSPC\nnpm error syscall write', 'no space is left'],
    ['npm error code EACCES\nnpm error syscall mkdir\nnpm error path /x/y', '/x/y (EACCES)'],
    ['npm ERR! code EROFS\nnpm ERR! path /x/y', '/x/y (EROFS)'],
    [
      'npm error code EUSAGE\nnpm error\nnpm error `npm ci` can only',
      'git checkout package.json package-lock.json',
    ],
    ['npm error code SELF_SIGNED_CERT_IN_CHAIN', 'npm registry'],
  ])('explains %j of npm', (output, fact) => {
    const directory = temporaryDirectory();
    program(directory, 'npm', `case $1 in ci) printf '${output.replaceAll('\n', '\\n')}\n'; exit 1 ;; esac`);
    const ended = start(freshClone(), { PATH: `${directory}:${process.env['PATH'] ?? ''}` });
    expectError(ended, fact);
  });

  it('prints the output of npm for any other reason', () => {
    const directory = temporaryDirectory();
    program(directory, 'npm', 'if [ $1 = ci ]; then echo "npm error something new"; exit 1; fi');
    const { stderr } = start(freshClone(), { PATH: `${directory}:${process.env['PATH'] ?? ''}` });
    expect(stderr).toContain('npm error something new\nxtokend: ');
  });

  it('reports that package-lock.json is missing', () => {
    const clone = freshClone();
    const lock = join(clone, 'package-lock.json');
    rmSync(lock);
    expectError(start(clone), lock, 'git checkout package-lock.json');
  });

  it.each(['v12.22.12', 'v18.18.2'])('rejects Node.js %s', (version) => {
    const directory = temporaryDirectory();
    program(directory, 'node', `echo ${version}`);
    expectError(
      start(freshClone(), { PATH: `${directory}:${process.env['PATH'] ?? ''}` }),
      'expected Node.js 18.19 or later',
      version.slice(1),
      `${directory}/node`,
    );
  });

  it('reports that Node.js or npm is missing', () => {
    const directory = temporaryDirectory();
    program(directory, 'dirname', 'echo local');
    program(directory, 'sh', 'exec /bin/sh "$@"');
    expectError(start(freshClone(), { PATH: directory }), 'expected Node.js 18.19 or later', directory);
    program(directory, 'node', 'echo v20.0.0');
    expectError(start(freshClone(), { PATH: directory }), 'expected npm', directory);
  });
});
