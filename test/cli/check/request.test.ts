import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CheckProcess } from '../../support/daemon/check-process.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { OTHER_SECRET, OTHER_SEED, SECRETS } from '../../support/keys.js';
import { runXtokend, startXtokend, type Ended } from '../../support/xtokend.js';

const configuration = `restrict_auth = true\n${SECRETS}[hosts."example.com"]\n[replay]\nstore = "memory"\n`;
const config = { file: '', list: '', other: '' };
let directory = '';

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'xtokend-request-'));
  config.file = join(directory, 'xtokend.toml');
  config.list = join(directory, 'users');
  config.other = join(directory, 'other.toml');
  writeFileSync(config.list, 'alice\nbob\n');
  writeFileSync(config.file, `users = "file:${config.list}"\n${configuration}`, { mode: 0o600 });
  writeFileSync(config.other, `otp_seed = "${OTHER_SEED}"\ntoken_secret = "${OTHER_SECRET}"\n`, {
    mode: 0o600,
  });
  const daemon = startXtokend([
    '--config',
    config.file,
    '--listen',
    `unix:${directory}/auto`,
    '--listen',
    `unix:${directory}/generic,protocol=generic`,
    '--listen',
    `unix:${directory}/packets,protocol=ejabberd`,
  ]);
  let log = '';
  daemon.stderr.on('data', (data: Buffer) => (log += data.toString()));
  while (log.split('listening').length < 4) await once(daemon.stderr, 'data');
  return () => {
    daemon.kill();
    rmSync(directory, { recursive: true, force: true });
  };
});

/** Asks the daemon of these tests. */
function ask(
  request: string,
  { file = config.file, socket = 'auto', input = '', more = [] as string[] } = {},
): Promise<Ended> {
  const path = socket.startsWith('/') ? socket : join(directory, socket);
  const args = ['check', '--config', file, '--request', request, '--socket', path, ...more];
  return CheckProcess.runMeanwhile(args, input);
}

async function mint(jid: string, file = config.file): Promise<string> {
  return (await runXtokend(['mint', jid, '--config', file])).stdout.trim();
}

describe('xtokend check --request', () => {
  it('asks whether a user exists', async () => {
    expect(await ask('isuser:alice:example.com')).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringMatching(/^accepted in \d+\.\d ms by \S+\/auto\n$/) as string,
    });
    const { status, stdout } = await ask('isuser:mallory:example.com');
    expect(status).toBe(1);
    expect(stdout).toContain(
      `\nReason according to ${config.file}: the user is not on the list of users (restrict_auth).\n`,
    );
  });

  it.each([
    ['auto', []],
    ['auto', ['--protocol', 'generic']],
    ['auto', ['--protocol', 'ejabberd']],
    ['generic', []],
    ['packets', []],
  ])('mints a token and consumes it: %s %j', async (socket, more) => {
    const { status, stdout } = await ask('auth:Alice:Example.COM', { socket, more });
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(
        /^accepted in .*\nThe token was minted .* the key "default" of .*\n$/,
      ) as string,
    });
  });

  it('prints why a valid token is refused', async () => {
    const { status, stdout } = await ask('auth:mallory:example.com');
    expect(status).toBe(1);
    expect(stdout).toContain('the token is valid, but the user is not on the list of users (restrict_auth)');
    expect((await ask('auth:a:example.org')).stdout).toContain(
      'example.org is not one of the hosts: example.com',
    );
  });

  it('reads a request with a token from standard input, and prints a reason that only the daemon knows', async () => {
    const token = await mint('alice@example.com');
    const input = `auth:alice:example.com:${token}\n`;
    expect((await ask('-', { input })).stdout).toMatch(/^accepted/);
    const again = await ask('-', { input });
    expect(again.status).toBe(1);
    expect(again.stdout).toMatch(/^refused \(replayed\) in .*\nReason: the token has been used before\.\n$/);
    expect(again.stdout).not.toContain(token);
    // Without the native protocol, the daemon gives no reason.
    const unexplained = await ask('-', { input, socket: 'generic' });
    expect(unexplained.stdout).toMatch(/^refused in/);
    expect(unexplained.stdout).toContain(
      'the token was used before, or the daemon runs with another configuration',
    );
    const wrong = await ask('-', { input: `auth:bob:example.com:${token}\n` });
    expect(wrong.stdout).toContain('signed for another JID or with another token_secret');
    const quoted = await ask('-', { input: `auth:alice:example.com:"${token}"\n` });
    expect(quoted.stdout).toContain(
      'found quotes around it: leave them out; without that it would be accepted',
    );
  });

  it('reports a daemon that runs with another configuration', async () => {
    const { status, stdout } = await ask('auth:alice:example.com', { file: config.other });
    expect(status).toBe(1);
    expect(stdout).toContain('So the daemon runs with another configuration, or has not reloaded this one');
    expect(stdout).not.toContain('used before');
    const token = await mint('alice@example.com');
    const accepted = await ask('-', { file: config.other, input: `auth:alice:example.com:${token}` });
    expect(accepted).toMatchObject({ status: 0 });
    expect(accepted.stdout).toContain('it should have been refused');
  });

  it('needs a configuration only to mint a token', async () => {
    expect(await ask('isuser:alice:example.com', { file: '/no/such.toml' })).toMatchObject({ status: 0 });
    const { status, stderr } = await ask('auth:alice:example.com', { file: '/no/such.toml' });
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining('cannot read the configuration') as string,
    });
  });

  it.each([
    ['auth:alice:example.com:0123456789'],
    ['auth:alice'],
    ['setpass:alice:example.com'],
    ['isuser:alice:example.com:x'],
    [''],
  ])('accepts only requests without a token on the command line: %j', async (request) => {
    const { status, stdout, stderr } = await ask(request);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^xtokend: --request: /);
    expect(stderr).not.toContain('0123456789');
  });

  it('refuses --json, and input of several lines', async () => {
    expect((await ask('isuser:a:b', { more: ['--json'] })).stderr).toContain('--json is for the checks');
    expect((await ask('-', { input: 'isuser:a:b\nisuser:c:d\n' })).stderr).toContain('expected one line');
    expect((await ask('-')).stderr).toContain('expected one line');
    for (const input of ['setpass:alice:example.com:secret', 'secret']) {
      const { status, stderr } = await ask('-', { input });
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: expect.stringContaining('auth:USER:HOST:TOKEN or isuser:USER:HOST') as string,
      });
      expect(stderr).not.toContain('secret');
    }
  });
});

describe('xtokend check --request, without a result', () => {
  it('waits 5 s for an answer, and no longer', async () => {
    const path = join(temporaryDirectory(), 'socket');
    const server = createServer((socket) => socket.resume()).listen(path);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { status, stdout } = await ask('isuser:a:b', { socket: path, more: ['--protocol', 'native'] });
    expect(status).toBe(2);
    expect(stdout).toContain('within 5 s: xtokend hangs, or does not use --protocol native: leave that out.');
  });

  it('says that the socket may have another protocol', async () => {
    const more = ['--protocol', 'native'];
    const { status, stdout } = await ask('isuser:a:b', { socket: 'packets', more });
    expect(status).toBe(2);
    expect(stdout).toContain('closed without an answer');
    expect(stdout).toContain('does not use --protocol native: leave that out');
  });

  it.each([
    ['hello', 'is not xtokend'],
    ['', 'was closed without an answer'],
  ])('reports an unexpected answer: %j', async (text, message) => {
    const path = join(temporaryDirectory(), 'socket');
    const server = createServer((socket) => socket.end(text)).listen(path);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { status, stdout } = await ask('isuser:a:b', { socket: path });
    expect(status).toBe(2);
    expect(stdout).toContain(`no result: `);
    expect(stdout).toContain(message);
  });

  it.each([
    ['a text', '-ERR unknown command\r\n'],
    ['another version', 'VERSION\t2\t0\n'],
    ['an error', 'ERROR\tno\n'],
    ['too much', `VERSION${'\t1'.repeat(10_000)}`],
  ])('sends no token to a process that replies with %s', async (_, reply) => {
    const path = join(temporaryDirectory(), 'socket');
    let received = '';
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        received += data.toString();
        socket.write(reply);
      });
    }).listen(path);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { status, stdout } = await ask('auth:alice:example.com', { socket: path });
    expect(status).toBe(2);
    expect(stdout).toContain('is not xtokend');
    expect(received).toBe('VERSION\t1\t0\n');
  });

  it('prints what to do if no process listens', async () => {
    expect((await ask('isuser:a:b', { socket: '/no/such' })).stdout).toContain(
      'no result: /no/such: there is no such socket; start xtokend',
    );
    const file = await ask('isuser:a:b', { socket: temporaryFile('') });
    expect(file.status).toBe(2);
    expect(file.stdout).toMatch(/that is not a socket|no process listens there/);
  });
});
