import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findAccount } from '../../../src/cli/check/machine/accounts.js';
import { check } from '../../support/daemon/check.js';
import { temporaryFile } from '../../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../../support/keys.js';
import { requireRoot } from '../../support/system/other-user.js';
import { requirePackage } from '../../support/run/requirements.js';

const isRoot = process.getuid?.() === 0;

/** Returns the fix that keeps other users from a file, if it is unknown which user runs xtokend. */
function howToClose(path: string): string {
  return isRoot
    ? `chown root:GROUP ${path} && chmod 640 ${path}; GROUP `
    : `chmod o-rwx ${path}; if xtokend does not run as user `;
}

describe('xtokend check, of files', () => {
  it('reports secrets that other users can read, or change, with the command to run', () => {
    const path = temporaryFile(SECRETS);
    chmodSync(path, 0o644);
    expect(check({ path }).of('file-world-readable')).toEqual([
      expect.stringMatching(/^warning: every user of this machine can read /),
    ]);
    expect(check({ path }).of('file-world-readable').join()).toContain(`${path}; ${howToClose(path)}`);
    chmodSync(path, 0o662);
    expect(check({ path }).of('file-writable')).toEqual([
      expect.stringMatching(/^problem: every user of this machine can write to .*; chmod o-w /),
    ]);
    chmodSync(path, 0o640);
    expect(check({ path }).findings.filter(({ subject }) => subject === 'secrets')).toEqual([]);
  });

  it('checks who can read the files that hold the secrets, but not a file without secrets', () => {
    const secret = temporaryFile(TOKEN_SECRET, 'token secret');
    chmodSync(secret, 0o604);
    const path = temporaryFile(`otp_seed = "${OTP_SEED}"\ntoken_secret_file = "${secret}"\n`);
    expect(check({ path }).of('file-world-readable')).toEqual([
      expect.stringContaining(howToClose(`'${secret}'`)),
    ]);
    const seed = temporaryFile(OTP_SEED, 'seed');
    writeFileSync(path, `otp_seed_file = "${seed}"\ntoken_secret_file = "${secret}"\n`);
    chmodSync(path, 0o644);
    expect(check({ path }).of('file-world-readable')).toEqual([expect.not.stringContaining(path)]);
  });

  it.each([
    ['is valid', ''],
    ['is invalid', 'port = 1\n'],
    ['is not TOML', 'port\n'],
  ])('accepts that other users can read a file without secrets, which %s', (_, more) => {
    const files = `otp_seed_file = "${temporaryFile(OTP_SEED, 'seed')}"\ntoken_secret_file = "${temporaryFile(TOKEN_SECRET, 'secret')}"\n`;
    const path = temporaryFile(`${files}${more}`);
    chmodSync(path, 0o644);
    expect(check({ path }).of('file-world-readable')).toEqual([]);
    writeFileSync(path, `${SECRETS}${more}`);
    expect(check({ path }).of('file-world-readable')).toHaveLength(1);
  });

  it('gives the secrets to the group of Prosody, if Prosody starts xtokend', (context) => {
    requirePackage(context, findAccount('prosody') !== undefined, 'prosody');
    requireRoot(context);
    const path = temporaryFile(SECRETS);
    chmodSync(path, 0o644);
    const lua = 'VirtualHost "a.example"\nauthentication = "xtoken"\nxtoken_command = "/usr/bin/xtokend"\n';
    const { of } = check({ path }, { args: ['--prosody', temporaryFile(lua, 'prosody.cfg.lua')] });
    expect(of('file-world-readable')).toEqual([
      expect.stringContaining(`; chown root:prosody ${path} && chmod 640 ${path}`),
    ]);
  });

  it('reports a directory in which other users can replace the file', () => {
    const path = temporaryFile(SECRETS);
    chmodSync(dirname(path), 0o777);
    expect(check({ path }).of('directory-writable')).toEqual([
      expect.stringContaining(`chmod o-w ${dirname(path)}`),
    ]);
    chmodSync(dirname(path), 0o1777);
    expect(check({ path }).of('directory-writable')).toEqual([]);
  });

  it('reports an owner that is not a user of this machine', (context) => {
    if (!isRoot) context.skip('only root can give a file away');
    const path = temporaryFile(SECRETS);
    chownSync(path, 54321, 0);
    expect(check({ path }).of('file-owner')).toEqual([
      expect.stringMatching(`^problem: uid 54321, .* owns ${path}, .*; chown root ${path}, as root$`),
    ]);
  });
});
