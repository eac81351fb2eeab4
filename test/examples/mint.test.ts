import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { temporaryFile } from '../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { xtokend } from '../support/xtokend.js';
import { Example, isInstalled, languages } from './languages.js';

const page = readFileSync('docs/minting.md', 'utf8');

/** Returns a value of the test vector. */
function vector(name: string): string {
  const [, value = ''] = new RegExp(`^\\| ${name} +\\| \`([^\`]+)\``, 'm').exec(page) ?? [];
  return value;
}

const vectorSecrets = { OTP_SEED: vector('`otp_seed`'), TOKEN_SECRET: vector('`token_secret`') };
const vectorEnvironment = { ...vectorSecrets, MINT_TIME: vector('time'), MINT_NONCE: vector('nonce') };
const asciiToken = vector('token');
const [, unicodeToken = ''] = /^ {4}([0-9]{40} .{44})$/m.exec(page) ?? [];

const tested = languages.filter(({ isSmall }) => isSmall || process.env['XTOKEND_TEST_EXAMPLES'] === 'all');
/** In New York, 01:30 occurs twice on this day; this is the first time. */
const SUMMER_TIME_ENDS = String(Date.UTC(2026, 10, 1, 5, 30) / 1000);

// A compiler takes a while on a busy machine.
const TIMEOUT = 300_000;

/** Expects that xtokend accepts a token. @param at the time in Unix seconds; now by default */
function expectAccepted(jid: string, token: string, at?: string): void {
  expect(token).toMatch(/^[0-9]{40} [A-Za-z0-9+/]{43}=\n$/);
  const args = [
    'verify',
    jid,
    '-',
    '--config',
    temporaryFile(SECRETS),
    ...(at === undefined ? [] : ['--at', at]),
  ];
  const { status, stdout } = xtokend(args, { input: token });
  const words = expect.stringContaining(`accepted for ${jid}: `) as string;
  expect({ status, stdout }).toEqual({ status: 0, stdout: words });
}

describe('the example for minting', () => {
  it.for(tested)('in $name', { timeout: TIMEOUT }, (language, context) => {
    requirePackage(context, isInstalled(language), language.packages);
    const example = new Example(language);
    const minted = (jid: string, env: NodeJS.ProcessEnv): string => {
      const { status, stdout, stderr } = example.mint(jid, env);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      return stdout;
    };

    // It reproduces the test vector, whatever the spelling of the JID.
    expect(minted('Alice@Example.com', vectorEnvironment)).toBe(`${asciiToken}\n`);
    const unicode = language.normalizesUnicode ? 'Zoe\u0308@example.com' : 'zo\u00eb@example.com';
    expect(minted(unicode, vectorEnvironment)).toBe(`${unicodeToken}\n`);

    // Its tokens are accepted, and differ.
    const nonces = ['alice@example.com', 'zo\u00eb@example.com'].map((jid) => {
      const token = minted(jid, { OTP_SEED, TOKEN_SECRET });
      expectAccepted(jid, token);
      return token.slice(8, 40);
    });
    expect(new Set(nonces).size).toBe(2);

    // It doesn't use the local time.
    const ambiguous = { OTP_SEED, TOKEN_SECRET, MINT_TIME: SUMMER_TIME_ENDS, MINT_NONCE: '1'.repeat(32) };
    expectAccepted('alice@example.com', minted('alice@example.com', ambiguous), SUMMER_TIME_ENDS);

    // Without a secret, it fails, names the variable, and prints neither a token nor the other secret.
    for (const [name, value, missing] of [
      ['OTP_SEED', OTP_SEED, 'TOKEN_SECRET'],
      ['TOKEN_SECRET', TOKEN_SECRET, 'OTP_SEED'],
    ] as const) {
      const { status, stdout, stderr } = example.mint('alice@example.com', { [name]: value });
      expect(status).not.toBe(0);
      expect(stdout + stderr).toContain(missing);
      expect(stdout).not.toMatch(/[0-9]{40} /);
      expect(stdout + stderr).not.toContain(value);
    }
  });
});
