import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { reasons } from '../../src/authenticator/reasons.js';
import { createLineFormat, type Fields } from '../../src/log/line-format.js';
import { mintToken } from '../../src/index.js';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { OTHER_SECRET, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { xtokend } from '../support/xtokend.js';

const FILTER = 'examples/fail2ban/filter.d/xtokend.conf';
const format = createLineFormat('plain', 'time');

/** Returns the line of a refused login in a log file. */
function line(fields: Fields): string {
  const { operation = 'auth', reason, jid = 'alice@example.com', host = 'example.com', client } = fields;
  const all = { operation, reason, jid, host, client, listener: 'stdin', ms: 0.3 };
  return format('info', 'refused', all, Date.UTC(2026, 10, 23, 18));
}

/** Returns the log of an xtokend that answers requests of the native protocol. */
function logOf(requests: readonly string[], more = ''): string {
  const config = temporaryFile(`${SECRETS}${more}[hosts."example.com"]\n`);
  return xtokend(['--config', config], { input: `VERSION\t1\t0\n${requests.join('\n')}\n` }).stderr;
}

/** Returns the addresses in which the filter finds a failure. */
function found(log: string): string[] {
  const path = join(temporaryDirectory(), 'lines');
  writeFileSync(path, log);
  const run = spawnSync('fail2ban-regex', ['--out', 'ip', path, FILTER], { encoding: 'utf8' });
  return run.stdout.split('\n').filter((address) => address !== '');
}

const FOREIGN = 'client="203.0.113.9"';
const HOSTILE_NAMES = [
  `a" ${FOREIGN} x="`,
  `a\\" ${FOREIGN} x="\\`,
  'a\\',
  `a" host="x" ${FOREIGN}`,
  `a\n2026-11-23T18:00:00.000Z info refused operation="auth" reason="wrong-signature" ${FOREIGN}`,
  `machine xtokend: refused operation="auth" reason="wrong-signature" ${FOREIGN}`,
  '1999-01-01T00:00:00Z',
  '203.0.113.9',
  '\u2028\u202E"\0',
];

describe('the fail2ban filter', () => {
  const isInstalled = spawnSync('fail2ban-regex', ['--version']).status === 0;

  beforeEach((context) => {
    requirePackage(context, isInstalled, 'fail2ban');
  });

  it('finds the addresses of real logins that failed', () => {
    const mint = (jid: string, tokenSecret = TOKEN_SECRET): string =>
      mintToken({ jid, otpSeed: OTP_SEED, tokenSecret });
    const good = mint('good@example.com');
    const logins = [
      ['good', 'example.com', good, '192.0.2.1'],
      // A client that reconnects.
      ['good', 'example.com', good, '192.0.2.1'],
      ['forged', 'example.com', mint('forged@example.com', OTHER_SECRET), '192.0.2.2'],
      ['stolen', 'example.com', good, '2001:db8::2'],
      ['dollar$(id)', 'example.com', 'password', '192.0.2.3'],
      ['stranger', 'elsewhere.example', 'password', '192.0.2.4'],
    ];
    const lines = logins.map(([user, host, password, address], index) =>
      ['AUTH', index + 1, user, host, `password=${password}`, `rip=${address}`, 'secured'].join('\t'),
    );
    const log = logOf([...lines, 'USER\t7\tnobody\telsewhere.example']);
    expect(log.match(/ refused /g)).toHaveLength(6);
    expect(found(log).sort()).toEqual(['192.0.2.2', '192.0.2.3', '2001:db8::2']);
    expect(found(logOf(lines, '[log]\nclient_address = false\n'))).toEqual([]);
  });

  it('finds the addresses of clients that guess a password', () => {
    const passwords = `[passwords]\nstore = "file:/no/such/file"\n[passwords.limits]\nuser_from_address = 1\n`;
    const guesses = ['192.0.2.1', '192.0.2.1', '192.0.2.2'].map((address, index) =>
      ['AUTH', index + 1, 'alice', 'example.com', 'password=guess', `rip=${address}`].join('\t'),
    );
    const log = logOf(guesses, passwords);
    expect(log.match(/reason="[^"]*"/g)?.sort()).toEqual([
      'reason="throttled"',
      'reason="wrong-password"',
      'reason="wrong-password"',
    ]);
    expect(found(log).sort()).toEqual(['192.0.2.1', '192.0.2.1', '192.0.2.2']);
  });

  it('counts only tokens that the application did not sign, and passwords', () => {
    const all = Object.keys(reasons);
    const log = all.map((reason, index) => line({ reason, client: `192.0.2.${index}` })).join('');
    const counted = found(log).map((address) => all[Number(address.split('.')[3])]);
    expect(counted).toEqual(['malformed-token', 'wrong-signature', 'wrong-password', 'throttled']);
  });

  it('finds addresses of both kinds in a file, in syslog and in the journal', () => {
    const clients = ['192.0.2.7', '2001:db8::7', '::1', 'fe80::a:b'];
    const log = clients.map((client) => line({ reason: 'wrong-signature', client })).join('');
    const starts = [
      'Nov 23 18:00:00 machine xtokend[123]: ',
      '2026-11-23T18:00:00+0000 machine xtokend[123]: ',
    ];
    const logs = [log, ...starts.map((start) => log.replace(/^\S+Z info /gm, start))];
    expect(found(logs.join(''))).toEqual(logs.flatMap(() => clients));
  });

  it('finds nothing in a line without an address, of another operation or of another program', () => {
    const client = '192.0.2.7';
    const failed = line({ reason: 'wrong-signature', client });
    const lines = [
      line({ reason: 'wrong-signature' }),
      line({ operation: 'isuser', reason: 'malformed-token', client }),
      failed.replace('refused', 'accepted'),
      failed.replace('info refused', 'machine other[1]: refused'),
      failed.replace('info refused', 'info note refused'),
    ];
    expect(found([...lines, failed].join(''))).toEqual([client]);
  });

  it('finds no address in a name that a client chooses', () => {
    const lines = HOSTILE_NAMES.flatMap((name, index) =>
      [{ jid: name }, { host: name }, { jid: name, host: name }].flatMap((names) => [
        line({ ...names, reason: 'malformed-token', client: `192.0.2.${index}` }),
        line({ ...names, reason: 'malformed-token' }),
        line({ ...names, reason: 'replayed', client: '198.51.100.1' }),
      ]),
    );
    const expected = HOSTILE_NAMES.flatMap((_, index) => Array<string>(3).fill(`192.0.2.${index}`));
    expect(found(lines.join(''))).toEqual(expected);
  });
});
