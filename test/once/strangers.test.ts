import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mintToken } from '../../src/index.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { xtokend } from '../support/xtokend.js';

const STRANGERS = 2000;

describe('a client without the secret', () => {
  it('leaves no trace in the record, whatever it sends', () => {
    const directory = temporaryDirectory();
    const env = { XTOKEND_CONFIG: temporaryFile(`${SECRETS}[replay]\npath = "${directory}"\n`) };
    const good = mintToken({ jid: 'a@b', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
    const signature = (): string => mintToken({ jid: 'a@b', otpSeed: OTP_SEED, tokenSecret: 'A'.repeat(32) });
    const lines = [
      `auth:a:c:${good}`,
      `auth:b:b:${good}`,
      `auth:a:b:${good}=`,
      `auth:a:b:${good.slice(1)}`,
      'auth:a:b:../../x',
    ];
    for (let count = 0; count < STRANGERS; count += 1) lines.push(`auth:a:b:${signature()}`);
    const refused = xtokend([], { input: `${lines.join('\n')}\n`, env });
    expect(refused.stdout).toBe('0\n'.repeat(lines.length));
    expect(readdirSync(directory)).toEqual([]);
    // The same with the right secret does: this is where it would have been.
    expect(xtokend([], { input: `auth:a:b:${good}\n`, env }).stdout).toBe('1\n');
    expect(readdirSync(directory)).toEqual(['used-tokens', 'used-tokens.began']);
  });
});
