import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { check, type Checked } from '../../support/daemon/check.js';
import { Daemon } from '../../support/daemon/daemon.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { OTHER_SECRET, OTHER_SEED, OTP_SEED, SECRETS, TOKEN_SECRET } from '../../support/keys.js';
import { freePort } from '../../support/system/ports.js';

describe('xtokend check, of secrets', () => {
  const seedOf = (seed: string): string => `otp_seed = "${seed}"\ntoken_secret = "${TOKEN_SECRET}"\n`;
  const secretOf = (secret: string): string =>
    `otp_seed = "${OTP_SEED}"\ntoken_secret = ${JSON.stringify(secret)}\n`;
  const codesOf = ({ findings }: Checked): string[] =>
    findings
      .filter(({ subject, level }) => subject === 'secrets' && level === 'warning')
      .map(({ code }) => code);

  it.each([
    ['seed-short', seedOf(OTP_SEED.slice(0, 16))],
    ['seed-hex', seedOf('2A3B4C5D6E7F2A3B4C5D6E7F2A3B4C5D')],
    ['secret-encoded', secretOf('00112233445566778899aabbccddeeff')],
    ['secret-encoded', secretOf('dG9rZW4gc2VjcmV0IQ==')],
    ['secret-encoded', secretOf('dG9rZW4/c2VjcmV0IQabcdef')],
    ['secret-encoded', secretOf('base32:GEZDGNBVGY3TQOJQ')],
    ['secret-encoded', secretOf('0x112233445566778899')],
    ['secret-quoted', secretOf('"a secret of some length"')],
    ['secret-quoted', secretOf('a secret of some length ')],
    ['secret-quoted', secretOf('a secret of some length\n')],
    ['secrets-equal', secretOf(OTP_SEED)],
  ])('warns: %s', (code, configuration) => {
    const checked = check(configuration);
    expect(codesOf(checked)).toEqual([code]);
    const text = JSON.stringify(checked.findings);
    for (const [, secret = ''] of configuration.matchAll(/= "(.*)"/g)) expect(text).not.toContain(secret);
  });

  it.each([
    SECRETS,
    secretOf('Correct horse, battery staple!'),
    secretOf('a-token_secret-of-urlsafe-base64'),
  ])('accepts valid ones', (configuration) => {
    expect(codesOf(check(configuration))).toEqual([]);
  });

  it.each([
    [OTP_SEED.toLowerCase(), '; the same key is this one in capital letters'],
    ['deadbeef0189deadbeef0189', ' (it looks like hex)'],
    [`${OTP_SEED} `, '; the same key is this one without spaces'],
  ])('suggests what is wrong with an invalid seed', (seed, guess) => {
    const text = check(seedOf(seed)).of('configuration-invalid').join();
    expect(text).toContain(`expected base32: the capital letters A–Z and the digits 2–7 only${guess}`);
    expect(text).not.toContain(seed);
  });
});

describe('xtokend check, of keys', () => {
  const day = 24 * 60 * 60 * 1000;
  const at = (days: number): string => new Date(Date.now() + days * day).toISOString();
  const keyOf = (id: string, more: string, secrets = SECRETS): string =>
    `[[keys]]\nid = "${id}"\n${secrets}${more}\n`;
  const others = `otp_seed = "${OTHER_SEED}"\ntoken_secret = "${OTHER_SECRET}"\n`;

  it('reports those that have expired, expire soon or are not active yet', () => {
    const configuration =
      keyOf('old', `not_after = "${at(-1)}"`) + keyOf('new', `not_before = "${at(1)}"`, others);
    const { of } = check(configuration);
    expect(of('key-expired')).toEqual([expect.stringMatching(/^warning: the key "old" expired at \d/)]);
    expect(of('key-not-yet-active')).toEqual([expect.stringMatching(/^note: the key "new" .* \d/)]);
    expect(of('host-without-key')).toEqual([
      expect.stringMatching(/^problem: each host of the keys "old", "new" /),
    ]);
    expect(check(keyOf('a', `not_after = "${at(13.5)}"`)).of('key-expires-soon')).toEqual([
      expect.stringMatching(/^warning: the key "a" .* 13 d, /),
    ]);
    expect(check(keyOf('a', `not_after = "${at(15)}"`)).of('key-expires-soon')).toEqual([]);
  });

  it('names a host without an active key', () => {
    const hosts =
      keyOf('a', `hosts = ["old.example"]\nnot_after = "${at(-1)}"`) +
      keyOf('b', 'hosts = ["good.example"]', others);
    expect(check(hosts).of('host-without-key')).toEqual([expect.stringMatching(/^problem: old\.example /)]);
  });
});

describe('xtokend check, of users', () => {
  const listed = (path: string): string => `users = "file:${path}"\n${SECRETS}`;

  it('counts the users on a list, and warns if there are none', () => {
    const list = temporaryFile('# staff\nalice\nBob # of sales\n', 'users');
    expect(check(listed(list)).of('list-ok')).toEqual([`ok: ${list} lists 2 users; `]);
    writeFileSync(list, '# nobody\n');
    expect(check(listed(list)).of('list-empty')).toEqual([expect.stringContaining(`warning: ${list} `)]);
    chmodSync(list, 0o666);
    expect(check(listed(list)).of('file-writable')).toEqual([expect.stringContaining(`chmod o-w ${list}`)]);
    expect(check(`blocked_users = "file:${list}"\n${SECRETS}`).of('list-empty')).toEqual([]);
  });

  it('reports a list without which xtokend does not start', () => {
    const { status, of } = check(listed('/no/such/list'));
    expect(status).toBe(1);
    expect(of('list-unreadable')).toEqual([
      expect.stringContaining('problem: the list of users /no/such/list: there is no such file'),
    ]);
  });

  it('notes if every name counts as a user', () => {
    expect(check(SECRETS).of('users-any')).toHaveLength(1);
    expect(check(`users = "seen"\n${SECRETS}`).of('users-any')).toEqual([]);
  });
});

describe('xtokend check, of the log, the metrics and the time to answer', () => {
  it('tests whether the log can be written, and leaves no file behind', () => {
    const path = join(temporaryDirectory(), 'log');
    const logging = (file: string): string => `${SECRETS}[log]\ntarget = "file:${file}"\n`;
    expect(check(logging(path)).of('log-ok')).toHaveLength(1);
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, 'line\n');
    expect(check(logging(path)).of('log-ok')).toHaveLength(1);
    expect(statSync(path).size).toBe(5);
    expect(check(logging('/no/such/log')).of('log-unwritable')).toEqual([
      expect.stringMatching(/^warning: .*ENOENT/),
    ]);
  });

  const metrics = (address: string): string => `${SECRETS}[metrics]\nlisten = "${address}"\n`;

  /** Runs a program, because this process waits while xtokend runs. Returns its address. */
  async function serving(onConnection: string): Promise<string> {
    const program = `const s = require('net').createServer((c) => { ${onConnection} }).listen(0, '127.0.0.1', () => console.log(s.address().port))`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill());
    return `127.0.0.1:${String(((await once(child.stdout, 'data')) as [Buffer])[0]).trim()}`;
  }

  it('tests the address for metrics', async () => {
    expect(check(metrics(`127.0.0.1:${await freePort()}`)).of('metrics-ok')).toHaveLength(1);
    expect(check(metrics('192.0.2.1:9477')).of('metrics-unavailable')).toHaveLength(1);
  });

  it.each([
    ['answers something else', "c.end('hello')"],
    ['answers other metrics', "c.end('HTTP/1.0 200 OK\\r\\n\\r\\nother_total 1')"],
    ['never answers', 'c.resume()'],
    ['never ends', "c.write('HTTP/1.0 200 OK\\r\\n\\r\\nother_total 1')"],
  ])('reports another program at the address for metrics, which %s', async (_, onConnection) => {
    const address = await serving(onConnection);
    expect(check(metrics(address)).of('metrics-address-in-use')).toEqual([
      expect.stringMatching(`^warning: .* ${address}, `),
    ]);
  });

  it('reports an xtokend that runs, but serves no metrics', async () => {
    const daemon = new Daemon(SECRETS);
    onTestFinished(() => daemon.remove());
    await daemon.start();
    const args = ['--socket', daemon.socketPath];
    const address = `127.0.0.1:${await freePort()}`;
    expect(check(metrics(address), { args }).of('metrics-not-served')).toEqual([
      expect.stringMatching(`^warning: .* ${address}; `),
    ]);
    const path = `${daemon.socketPath}.metrics`;
    expect(check(metrics(`unix:${path}`), { args }).of('metrics-not-served')).toHaveLength(1);
    const scraped = new Daemon(metrics(address));
    onTestFinished(() => scraped.remove());
    await scraped.start();
    expect(check(metrics(address), { args: ['--socket', scraped.socketPath] }).of('metrics-ok')).toEqual([
      `ok: xtokend serves metrics at ${address}; `,
    ]);
  });

  it('recognizes xtokend at the address for metrics', async () => {
    const address = await serving("c.end('HTTP/1.0 200 OK\\r\\n\\r\\nxtokend_requests_total 1')");
    expect(check(metrics(address)).of('metrics-ok')).toEqual([`ok: xtokend serves metrics at ${address}; `]);
  });

  it('warns if an answer can come too late for the stock module', () => {
    expect(check(`answer_within = 5\n${SECRETS}`).of('answer-late')).toHaveLength(1);
    expect(check(`answer_within = 4.9\n${SECRETS}`).of('answer-late')).toEqual([]);
  });
});

describe('xtokend check, of the clock', () => {
  /** Returns a PATH with programs that print something. */
  function saying(programs: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
    const directory = join(temporaryDirectory(), 'bin');
    mkdirSync(directory);
    for (const [name, says] of Object.entries({ timedatectl: '', chronyc: '', ntpq: '', ...programs })) {
      writeFileSync(join(directory, name), `#!/bin/sh\n${says === '' ? 'exit 1' : `echo '${says}'`}\n`, {
        mode: 0o755,
      });
    }
    return { PATH: `${directory}:${process.env['PATH'] ?? ''}` };
  }

  it.each([
    ['clock-synchronized', { timedatectl: 'yes' }],
    ['clock-unsynchronized', { timedatectl: 'no', chronyc: 'Leap status     : Normal' }],
    ['clock-synchronized', { chronyc: 'Leap status     : Normal' }],
    ['clock-unsynchronized', { chronyc: 'Leap status     : Not synchronised' }],
    ['clock-synchronized', { ntpq: 'leap=00' }],
    ['clock-unsynchronized', { ntpq: 'leap=11' }],
    [existsSync('/run/systemd/timesync/synchronized') ? 'clock-synchronized' : 'clock-unknown', {}],
  ])('uses the first NTP status probe that gives an answer: %s', (code, programs) => {
    const { findings } = check(SECRETS, { env: saying(programs) });
    expect(findings.filter(({ subject }) => subject === 'clock').map((finding) => finding.code)).toEqual([
      code,
    ]);
  });
});
