import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mintToken } from '../../src/index.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { xtokend } from '../support/xtokend.js';

const TOKENS = 2000;

describe('a client without the secrets', () => {
  it('adds no entry to the replay cache', () => {
    const directory = temporaryDirectory();
    const env = { XTOKEND_CONFIG: temporaryFile(`${SECRETS}[replay]\npath = "${directory}"\n`) };
    const valid = mintToken({ jid: 'a@b', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
    const forged = (): string => mintToken({ jid: 'a@b', otpSeed: OTP_SEED, tokenSecret: 'A'.repeat(32) });
    const lines = [
      `auth:a:c:${valid}`,
      `auth:b:b:${valid}`,
      `auth:a:b:${valid}=`,
      `auth:a:b:${valid.slice(1)}`,
      'auth:a:b:../../x',
    ];
    for (let count = 0; count < TOKENS; count += 1) lines.push(`auth:a:b:${forged()}`);
    const refused = xtokend([], { input: `${lines.join('\n')}\n`, env });
    expect(refused.stdout).toBe('0\n'.repeat(lines.length));
    expect(readdirSync(directory)).toEqual([]);
    // A valid token adds one, so this is the directory to look in.
    expect(xtokend([], { input: `auth:a:b:${valid}\n`, env }).stdout).toBe('1\n');
    expect(readdirSync(directory)).toEqual(['replay-cache', 'replay-cache.began']);
  });
});
