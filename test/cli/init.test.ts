import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findAccount } from '../../src/cli/check/machine/accounts.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { mountTmpfs } from '../support/system/mounts.js';
import { OTHER_USER, passableDirectory, requireRoot, sharedDirectory } from '../support/system/other-user.js';
import { PROGRAM, xtokend, type Ended } from '../support/xtokend.js';

const newPath = (): string => join(temporaryDirectory(), 'etc/xtokend/xtokend.toml');
const init = (file: string, ...args: string[]): Ended => xtokend(['init', '--config', file, ...args]);
const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('xtokend init', () => {
  it('writes valid secrets that only the user can read, and prints the next steps', () => {
    const file = newPath();
    const { status, stdout, stderr } = init(file);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`Wrote ${file} with fresh secrets (mode 0600,`);
    expect(stdout).toContain(resolve('README.md'));
    expect(stdout).toContain(`xtokend mint --config ${file} alice@example.com`);
    expect(modeOf(file)).toBe(0o600);
    for (const secret of readFileSync(file, 'utf8').match(/[A-Z2-7]{32}/g) ?? []) {
      expect(stdout).not.toContain(secret);
    }
    expect(xtokend(['check', '--config', file])).toMatchObject({ status: 0 });
    const { stdout: token } = xtokend(['mint', '--config', file, 'alice@example.com']);
    expect(xtokend(['verify', '--config', file, 'alice@example.com', token.trim()]).status).toBe(0);
  });

  it('uses $XTOKEND_CONFIG, and different secrets each time', () => {
    const files = [newPath(), newPath()];
    for (const XTOKEND_CONFIG of files) {
      const { stdout } = xtokend(['init'], { env: { XTOKEND_CONFIG } });
      expect(stdout).toContain('xtokend check\n');
    }
    const secrets = files.flatMap((file) => readFileSync(file, 'utf8').match(/[A-Z2-7]{32}/g));
    expect(new Set(secrets).size).toBe(4);
  });

  it('never changes the content of an existing file', () => {
    const file = temporaryFile(SECRETS);
    const { status, stdout } = init(file);
    expect(status).toBe(0);
    expect(stdout).toContain(`${file} already exists (mode 0600,`);
    expect(readFileSync(file, 'utf8')).toBe(SECRETS);
    expect(readdirSync(dirname(file))).toEqual(['xtokend.toml']);
  });

  it('creates a directory that other users can enter, with any umask', () => {
    const file = newPath();
    const { status } = spawnSync('sh', ['-c', `umask 077; exec "$0" init --config "$1"`, PROGRAM, file]);
    expect(status).toBe(0);
    const directory = dirname(file);
    expect([dirname(directory), directory, file].map(modeOf)).toEqual([0o755, 0o755, 0o600]);
  });

  it('lets only a group read a new or existing file', (context) => {
    requireRoot(context);
    const file = newPath();
    expect(init(file, '--group', String(OTHER_USER)).stdout).toContain('mode 0640, root:');
    expect(statSync(file)).toMatchObject({ mode: 0o100640, gid: OTHER_USER });
    const existing = temporaryFile(SECRETS);
    chmodSync(existing, 0o644);
    expect(init(existing, '--group', String(OTHER_USER)).status).toBe(0);
    expect(statSync(existing)).toMatchObject({ mode: 0o100640, gid: OTHER_USER });
    expect(readFileSync(existing, 'utf8')).toBe(SECRETS);
  });

  it('explains how Prosody starts xtokend, and lets its user read the configuration', (context) => {
    const account = findAccount('prosody');
    requirePackage(context, account !== undefined, 'prosody');
    requireRoot(context);
    const root = passableDirectory();
    const file = join(root, 'etc/xtokend.toml');
    const bin = join(root, 'bin');
    mkdirSync(bin);
    symlinkSync(PROGRAM, join(bin, 'xtokend'));
    const share = (...args: string[]): string =>
      xtokend(['init', '--config', file, ...args], { env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` } })
        .stdout;
    const alone = share();
    expect(alone).toContain(
      `authentication = "xtoken"\n         xtoken_command = { "${bin}/xtokend", "--config", "${file}" }\n`,
    );
    expect(alone).toContain(`xtokend init --config ${file} --group prosody\n`);
    const read = (): number | null =>
      spawnSync('cat', [file], { uid: account?.uid, gid: account?.gids[0] }).status;
    expect(read()).not.toBe(0);
    // A directory that was created under umask 077.
    chmodSync(dirname(file), 0o700);
    const [, warning = ''] = share('--group', 'prosody').split('\n');
    expect(warning).toContain(
      `But group prosody can't read it: it may not pass through ${dirname(file)}. Run: `,
    );
    spawnSync('sh', ['-c', warning.split('Run: ')[1] ?? '']);
    const shared = share('--group', 'prosody');
    expect(shared).not.toContain('--group');
    expect(shared).not.toContain('But group');
    expect(read()).toBe(0);
  });

  it('follows no link, and shares no file that another user could have put there', (context) => {
    requireRoot(context);
    const victim = temporaryFile('victim');
    const link = join(temporaryDirectory(), 'xtokend.toml');
    symlinkSync(victim, link);
    expect(init(link, '--group', String(OTHER_USER)).stderr).toContain('expected a regular file');
    const directory = sharedDirectory(0o755, OTHER_USER);
    const planted = join(directory, 'xtokend.toml');
    writeFileSync(planted, 'victim', { mode: 0o600 });
    expect(init(planted, '--group', String(OTHER_USER)).status).toBe(2);
    expect([modeOf(victim), modeOf(planted)]).toEqual([0o600, 0o600]);
    const nowhere = join(temporaryDirectory(), 'xtokend.toml');
    symlinkSync(join(temporaryDirectory(), 'nothing'), nowhere);
    expect(init(nowhere).stderr).toContain('it is a symbolic link to a missing file');
  });

  it('explains why it cannot write', (context) => {
    expect(init(newPath(), '--group', 'no-such-group').stderr).toContain(
      'found none called no-such-group. Create it with "groupadd --system no-such-group"',
    );
    requireRoot(context);
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'private'));
    chownSync(directory, 0, 0);
    chmodSync(directory, 0o755);
    const file = join(directory, 'private/xtokend.toml');
    const ended = spawnSync(PROGRAM, ['init', '--config', file], {
      uid: OTHER_USER,
      gid: OTHER_USER,
      encoding: 'utf8',
    });
    expect(ended.stderr).toContain(`uid ${OTHER_USER} may not write to ${dirname(file)}`);
    expect(existsSync(file)).toBe(false);
  });

  it('leaves nothing behind on a full disk', (context) => {
    const directory = mountTmpfs('size=4k');
    if (directory === undefined) return context.skip('this user may not mount a file system');
    writeFileSync(join(directory, 'full'), Buffer.alloc(4096));
    const { status, stderr } = init(join(directory, 'xtokend.toml'));
    expect(status).toBe(2);
    expect(stderr).toContain('the disk is full. Free some space and run this again');
    expect(readdirSync(directory)).toEqual(['full']);
  });
});
