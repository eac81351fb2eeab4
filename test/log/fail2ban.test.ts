import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mintToken } from '../../src/index.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { OTHER_SECRET, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { xtokend } from '../support/xtokend.js';

const FILTER = 'examples/fail2ban/filter.d/xtokend.conf';

/** Returns the log of four failed logins and of requests that are no attempts. */
function sampleLog(): string {
  const good = mintToken({ jid: 'good@example.com', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
  const bad = mintToken({ jid: 'forged@example.com', otpSeed: OTP_SEED, tokenSecret: OTHER_SECRET });
  const requests = [
    `auth:good:example.com:${good}`,
    `auth:good:example.com:${good}`,
    `auth:forged:example.com:${bad}`,
    'auth:guessed:example.com:password',
    'auth:dollar$(id):example.com:password',
    'auth:stranger:elsewhere.example:password',
    'isuser:alice:elsewhere.example',
    'setpass:alice:example.com:password',
    'nonsense',
  ];
  const config = temporaryFile(`${SECRETS}[hosts."example.com"]\n`);
  return xtokend(['--config', config], { input: `${requests.join('\n')}\n` }).stderr;
}

/** Returns the identifiers in which the filter finds a failure. */
function found(log: string): string[] {
  const path = join(temporaryDirectory(), 'lines');
  writeFileSync(path, log);
  const run = spawnSync('fail2ban-regex', ['--out', 'id', path, FILTER], { encoding: 'utf8' });
  return run.stdout.trim().split('\n');
}

const ATTEMPTED = [
  'good@example.com',
  'forged@example.com',
  'guessed@example.com',
  'dollar$(id)@example.com',
];

describe('the fail2ban filter', () => {
  const isInstalled = spawnSync('fail2ban-regex', ['--version']).status === 0;

  it('finds the JID of each failed login in a file', (context) => {
    requirePackage(context, isInstalled, 'fail2ban');
    expect(found(sampleLog())).toEqual(ATTEMPTED);
  });

  it('finds the JIDs in syslog and in the journal', (context) => {
    requirePackage(context, isInstalled, 'fail2ban');
    const inSyslog = sampleLog().replace(/^(\S+)Z info /gm, 'Nov 23 18:00:00 machine xtokend[123]: ');
    expect(inSyslog).toMatch(/^Nov 23 18:00:00 machine xtokend\[123\]: accepted /m);
    expect(found(inSyslog)).toEqual(ATTEMPTED);
    const inJournal = sampleLog().replace(/^\S+Z info /gm, '2026-11-23T18:00:00+0000 machine xtokend[123]: ');
    expect(found(inJournal)).toEqual(ATTEMPTED);
  });
});
