import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { PROGRAM, xtokend, type Ended } from '../support/xtokend.js';

const noon = '2026-11-23T12:00:00Z';
const token = /^[0-9]{40} [A-Za-z0-9+/]{43}=$/;

const withSecrets = (...args: string[]): Ended =>
  xtokend(args, { env: { XTOKEND_CONFIG: temporaryFile(SECRETS) } });

describe('xtokend', () => {
  it('prints its version', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(xtokend(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('prints examples in its help', () => {
    const { status, stdout } = xtokend(['--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('Examples:\n');
  });

  it.each([
    [['frobnicate'], 'error: expected a command and then its options; see xtokend --help'],
    [
      ['serve', '--protocol', 'http'],
      "argument 'http' is invalid. Allowed choices are auto, generic, ejabberd, native",
    ],
    [['mint'], "missing required argument 'jid'"],
    [['mint', '--count', '0', 'a@b'], '--count: expected a whole number from 1 to 1000000'],
    [['mint', '--at', 'yesterday', 'a@b'], '--at: expected a time from 1970 on'],
    [['mint', '--at', '1969-12-31T23:59:59Z', 'a@b'], '--at: expected a time from 1970 on'],
    [['mint', 'alice'], 'expected a JID like user@example.com, found no "@"'],
    [['mint', 'ᵃlice@example.com'], 'the user of the JID holds U+1D43, which is not in Unicode 3.2'],
    [['verify', 'alice@example.com'], "missing required argument 'token'"],
    [['mint', 'a@b', '--config', '/no/such.toml'], '--config: /no/such.toml'],
  ])('refuses %j with exit code 2', (args, message) => {
    const { status, stdout, stderr } = withSecrets(...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});

describe('xtokend mint', () => {
  it('prints one token and a newline', () => {
    const { status, stdout } = withSecrets('mint', 'Alice@Example.com');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^[^\n]{85}\n$/);
    expect(stdout.trimEnd()).toMatch(token);
  });

  it('prints --count different tokens', () => {
    const tokens = withSecrets('mint', 'a@b', '--count', '500').stdout.trimEnd().split('\n');
    expect(new Set(tokens).size).toBe(500);
  });

  it('accepts a time in ISO 8601 and in Unix seconds', () => {
    const otp = (at: string): string => withSecrets('mint', 'a@b', '--at', at).stdout.slice(0, 8);
    expect(otp(noon)).toBe(otp('1795435200'));
  });

  it.each([
    [
      ['--key', 'old'],
      'note: xtokend refuses this token: the key "old" is active only until 2026-11-23 11:00:00 +00:00',
    ],
    [
      ['--key', 'new'],
      'note: xtokend refuses this token: the key "new" is active only from 2026-11-23 13:00:00 +00:00',
    ],
    [['--key', 'now'], ''],
    [[], ''],
  ])('prints a note if the key is not active: %j', (options, note) => {
    const keyOf = (id: string, period: string): string =>
      `[[keys]]\nid = "${id}"\n${SECRETS.replaceAll(/= "(.*)"/g, (_, secret: string) => `= "${secret}${id === 'new' ? 'AA' : id === 'old' ? 'BB' : ''}"`)}${period}\n`;
    const config = temporaryFile(
      keyOf('old', 'not_after = 2026-11-23T11:00:00Z') +
        keyOf('new', 'not_before = 2026-11-23T13:00:00Z') +
        keyOf('now', ''),
    );
    const { status, stdout, stderr } = xtokend(['mint', 'a@b', '--at', noon, '--config', config, ...options]);
    expect(status).toBe(0);
    expect(stdout.trimEnd()).toMatch(token);
    expect(stderr.slice(0, note.length)).toBe(note);
    expect(stderr.split('\n')).toHaveLength(note === '' ? 1 : 2);
  });

  it('refuses a host that is not served', () => {
    const config = temporaryFile(`${SECRETS}[hosts."example.com"]\n`);
    const { status, stderr } = xtokend(['mint', 'a@example.org', '--config', config]);
    expect(status).toBe(2);
    expect(stderr).toBe(`xtokend: example.org is not one of the hosts in ${config}: example.com\n`);
  });
});

describe('xtokend keygen on a full disk', () => {
  it('reports the fault, with exit code 2', () => {
    const result = xtokend(['-c', `${PROGRAM} keygen >/dev/full`], { program: 'sh' });
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('ENOSPC');
  });
});

describe('xtokend verify', () => {
  let configuration = '';
  let minted = '';

  beforeEach(() => {
    configuration = temporaryFile(SECRETS);
    minted = xtokend(['mint', 'alice@example.com', '--at', noon, '--config', configuration]).stdout.trimEnd();
  });

  it.each([
    [
      'alice@example.com',
      noon,
      0,
      'accepted for alice@example.com: the OTP of 2026-11-23 12:00:00 +00:00 is valid from 2026-11-23 11:59:30',
    ],
    ['alice@example.com', '2026-11-23T12:01:42Z', 1, 'correctly signed, but it expired 42 s ago'],
    ['alice@example.com', '2026-11-23T14:11:03Z', 1, 'correctly signed, but it expired 2 h 10 min ago'],
    [
      'alice@example.com',
      '2026-11-23T11:58:30Z',
      1,
      'its time is about 1 min 30 s ahead: synchronize the clock',
    ],
    [
      'alice@example.com',
      '2026-11-25T12:00:00Z',
      1,
      'correctly signed, but the OTP matches no time within a day',
    ],
    [
      'bob@example.com',
      noon,
      1,
      'signed for another JID or with another token_secret; the OTP matches this otp_seed',
    ],
    [
      'bob@example.com',
      '2026-11-25T12:00:00Z',
      1,
      'with another token_secret; the OTP matches no time within a day',
    ],
  ])('judges a token of alice, for %s at %s, with exit code %i: %s', (jid, at, status, words) => {
    const result = xtokend(['verify', jid, '-', '--at', at, '--config', configuration], {
      input: `${minted}\n`,
    });
    expect(result).toMatchObject({ status, stderr: '' });
    expect(result.stdout).toContain(words);
    expect(result.stdout).not.toContain(minted);
  });

  it('does not repeat a text that is not a token', () => {
    const { status, stdout } = withSecrets('verify', 'a@b', 'hunter2hunter2');
    expect(status).toBe(1);
    expect(stdout).toContain('this is not a token: expected 40 digits, a space and 44 characters of base64');
    expect(stdout).not.toContain('hunter2');
  });

  it('reads no more than the beginning of a long text', () => {
    const { status, stdout } = xtokend(['verify', 'a@b', '-', '--config', configuration], {
      input: Buffer.alloc(2 ** 26, 'x'),
    });
    expect(status).toBe(1);
    expect(stdout).toContain('this is not a token');
  });

  it('refuses a host that is not served', () => {
    const config = temporaryFile(`${SECRETS}[hosts."example.com"]\n`);
    const result = xtokend(['verify', 'a@example.org', minted, '--config', config]);
    expect(result).toMatchObject({ status: 1 });
    expect(result.stdout).toContain('example.org is not one of the hosts in');
  });
});

describe('xtokend keygen', () => {
  it('prints a valid configuration', () => {
    const { stdout } = xtokend(['keygen']);
    expect(stdout).toMatch(/^otp_seed = "[A-Z2-7]{32}"\ntoken_secret = "[A-Z2-7]{32}"\n$/);
    expect(xtokend(['check', '--config', temporaryFile(stdout)])).toMatchObject({ status: 0, stderr: '' });
  });
});
