import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mintToken } from '../../src/index.js';
import { COLLECTED_LOGS_VARIABLE } from '../support/run/collected-logs.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { OTHER_SECRET, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { findSecrets } from '../support/run/secret-search.js';
import { xtokend } from '../support/xtokend.js';

const token = mintToken({ jid: 'a@b', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });

/** support/run/machine.ts runs the search after all tests; this file tests the search. */
describe('the search for secrets in the logs of all tests', () => {
  it('covers stderr and log files', () => {
    const log = join(temporaryDirectory(), 'log');
    const toFile = temporaryFile(`${SECRETS}[log]\ntarget = "file:${log}"\n`);
    xtokend(['--config', temporaryFile(SECRETS)], { input: 'isuser:collected:b\n' });
    xtokend(['--config', toFile], { input: 'isuser:filed:b\n' });
    const directory = process.env[COLLECTED_LOGS_VARIABLE] ?? '';
    expect(readFileSync(join(directory, `${process.pid}.log`), 'utf8')).toContain('jid="collected@b"');
    expect(readFileSync(log, 'utf8')).toContain('jid="filed@b"');
  });

  it.each([
    ['a secret of the tests', `otp_seed="${OTP_SEED}"`],
    ['a secret of the tests', `x${OTHER_SECRET}x`],
    ['a text like a secret', 'otp_seed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"'],
    ['the digits of a token', `password="${token}"`],
    ['the signature of a token', `password="${token.slice(41)}"`],
    ['a password', 'password="hunter2"'],
  ])('finds %s in %s', async (what, text) => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'planted'), `a line\n${text}\n`);
    expect((await findSecrets(directory)).join('\n')).toContain(what);
  });

  it('finds no secret in the log of requests', async () => {
    const directory = temporaryDirectory();
    const { stderr } = xtokend(['--config', temporaryFile(SECRETS)], {
      input: `auth:a:b:${token}\n`.repeat(2),
    });
    expect(stderr).toContain('reason="replayed"');
    writeFileSync(join(directory, 'lines'), stderr);
    expect(await findSecrets(directory)).toEqual([]);
  });
});
