import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { codeIn, replaced } from '../support/documents.js';
import { decodeBase32, makeToken, signWith, type Recipe } from '../support/faulty-tokens.js';
import { NOW, OTHER_SECRET, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { PROGRAM, xtokend } from '../support/xtokend.js';
import { isInstalled, languages } from './languages.js';

const PAGE = 'docs/minting.md';
const page = readFileSync(PAGE, 'utf8');
const jid = 'alice@example.com';

/** Returns the first cells of the rows that follow the header of a table. */
function firstCells(header: string): string[] {
  const [, rows = ''] = new RegExp(`^\\| ${header} .*\n.*\n((?:\\|.*\n)+)`, 'm').exec(page) ?? [];
  return [...rows.matchAll(/^\| (.+?) +\|/gm)].map(([, cell = '']) => cell.replaceAll('`', ''));
}

const signed = (text: string): Recipe => ({ message: (otp, nonce) => otp + nonce + text });

/** The first token whose signature has "+" and "/", which the mistakes below change. */
const token =
  Array.from({ length: 1000 }, (_, index) => makeToken(jid, NOW + index)).find((made) =>
    /\+.*\/|\/.*\+/.test(made),
  ) ?? '';
const [digits = '', signature = ''] = token.split(' ');
const latin1: Recipe = { message: (otp, nonce) => Buffer.from(`${otp}${nonce}zoë@example.com`, 'latin1') };

/** A token with each mistake of the page, and the JID if it is another one. */
const mistakes: Readonly<Record<string, string | readonly [token: string, jid: string]>> = {
  'signed for another JID or with another token_secret': makeToken(jid, NOW, {
    sign: signWith(OTHER_SECRET),
  }),
  'as from a time zone': makeToken(jid, NOW + 5 * 3_600_000),
  'the OTP matches no time within a day': makeToken(jid, NOW * 1000),
  'made for a time in seconds': makeToken(jid, NOW / 1000),
  'it expired 4 min ago': makeToken(jid, NOW - 300_000),
  'otp_seed not decoded': makeToken(jid, NOW, { seed: Buffer.from(OTP_SEED) }),
  'the OTP has 6 digits': makeToken(jid, NOW, { otpDigits: 6 }),
  'the OTP is made with SHA-256': makeToken(jid, NOW, { algorithm: 'sha256' }),
  'token_secret decoded from base32': makeToken(jid, NOW, { sign: signWith(decodeBase32(TOKEN_SECRET)) }),
  'by a space, a newline or quotes': makeToken(jid, NOW, { sign: signWith(`${TOKEN_SECRET}\n`) }),
  'signed without a secret': makeToken(jid, NOW, { sign: signWith('') }),
  'the two secrets are swapped': makeToken(jid, NOW, { sign: signWith(OTP_SEED) }),
  'with capital letters': makeToken(jid, NOW, signed('Alice@example.com')),
  'a full JID': makeToken(jid, NOW, signed(`${jid}/phone`)),
  'a user name without "@"': makeToken(jid, NOW, signed('alice')),
  'in another Unicode form': [makeToken(jid, NOW, signed('zoe\u0308@example.com')), 'zo\u00eb@example.com'],
  'the signed text is not in UTF-8': [makeToken(jid, NOW, latin1), 'zo\u00eb@example.com'],
  '":" is signed between OTP, nonce and JID': makeToken(jid, NOW, {
    message: (otp, nonce) => `${otp}:${nonce}:${jid}`,
  }),
  "b'…' around the signature, as Python prints bytes": `${digits} b'${signature}'`,
  'URL-safe base64': `${digits} ${signature.replaceAll('+', '-').replaceAll('/', '_')}`,
  'base64 without padding': token.replace('=', ''),
  'the signature in hex': `${digits} ${Buffer.from(signature, 'base64').toString('hex')}`,
  'no space before the signature': digits + signature,
  '40 digits and no signature': digits,
  '"+" instead of the space': token.replace(' ', '+'),
  'numbers lose a leading zero': token.slice(1),
  'a nonce with other characters than digits': token.replace(/(?<=^.{8}).{32}/, '0123456789abcdef'.repeat(2)),
};

describe('the page about minting', () => {
  it('names each example', () => {
    expect(firstCells('language')).toEqual(languages.map(({ name }) => name));
    const links = [...page.matchAll(/\]\(\.\.\/(examples\/[^)]+)\)/g)].map(([, path = '']) => path);
    expect(links.filter((path) => !existsSync(path))).toEqual([]);
    expect(links.length).toBe(languages.length);
  });

  it('has the mistakes that are tested', () => {
    expect(firstCells('text in the output')).toEqual(Object.keys(mistakes));
  });

  it.for(Object.entries(mistakes))('quotes what verify prints: %s', ([words, mistake]) => {
    const [faulty, typed] = typeof mistake === 'string' ? [mistake, jid] : mistake;
    const args = ['verify', typed, '-', '--config', temporaryFile(SECRETS), '--at', String(NOW / 1000)];
    const { status, stdout } = xtokend(args, { input: faulty });
    expect({ status, stdout }).toEqual({ status: 1, stdout: expect.stringContaining(words) as string });
  });

  it('quotes what verify prints for a name that the server changes', () => {
    const config = temporaryFile(SECRETS);
    const input = xtokend(['mint', 'Straße@example.com', '--config', config]).stdout;
    const { stdout } = xtokend(['verify', 'Straße@example.com', '-', '--config', config], { input });
    const [quoted = ''] = /accepted for strasse@example\.com/.exec(page) ?? [];
    expect(quoted && stdout).toContain(quoted);
  });

  it('has commands that mint a token with the configured secrets', (context) => {
    const python = languages.find(({ name }) => name === 'Python');
    requirePackage(context, python !== undefined && isInstalled(python), 'python3-pyotp');
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'bin'));
    symlinkSync(PROGRAM, join(directory, 'bin/xtokend'));
    cpSync('examples/mint/mint.py', join(directory, 'mint.py'));
    const config = join(directory, 'xtokend.toml');
    expect(xtokend(['init', '--config', config]).status).toBe(0);
    const commands = replaced(codeIn(PAGE, 'sh'), '/etc/xtokend/xtokend.toml', config);
    // Debian's Python before any other.
    const PATH = `${directory}/bin:/usr/bin:/bin:${process.env['PATH'] ?? ''}`;
    const env = { PATH, XTOKEND_CONFIG: config };
    const { stdout, stderr } = spawnSync('sh', ['-ec', commands], { env, cwd: directory, encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({
      stdout: expect.stringMatching(/^accepted for alice@/) as string,
      stderr: '',
    });
  });
});
