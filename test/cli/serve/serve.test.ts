import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mintToken } from '../../../src/index.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../../support/keys.js';
import { requireScript } from '../../support/run/requirements.js';
import { PROGRAM, startXtokend, xtokend } from '../../support/xtokend.js';

const mint = (jid: string): string => mintToken({ jid, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
const environment = (): NodeJS.ProcessEnv => ({ XTOKEND_CONFIG: temporaryFile(SECRETS) });

describe('xtokend on stdin and stdout', () => {
  it('answers each request with a line, and writes nothing else to stdout', () => {
    const token = mint('alice@example.com');
    const requests = [
      `auth:alice:example.com:${token}`,
      `auth:alice:example.com:${token}`,
      `auth:bob:example.com:${token}`,
      'auth:alice:example.com:hunter2hunter2',
      'isuser:alice:example.com',
      'setpass:alice:example.com:hunter2hunter2',
      'nonsense',
    ];
    const { status, stdout, stderr } = xtokend([], { input: `${requests.join('\n')}\n`, env: environment() });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '1\n0\n0\n0\n1\n0\n0\n' });
    const reasons = Array.from(stderr.matchAll(/reason="([^"]+)"/g), ([, reason]) => reason);
    expect(reasons).toEqual([
      'replayed',
      'wrong-signature',
      'malformed-token',
      'unsupported-operation',
      'malformed-request',
    ]);
    expect(stderr).toContain(
      'refused operation="setpass" reason="unsupported-operation" jid="alice@example.com" host="example.com" listener="stdin"',
    );
    for (const secret of [token, 'hunter2', OTP_SEED, TOKEN_SECRET]) expect(stderr).not.toContain(secret);
  });

  it('runs from any directory, through symbolic links, absolute and relative, and from PATH', () => {
    const directory = temporaryDirectory();
    const env = environment();
    mkdirSync(join(directory, 'bin'));
    symlinkSync(PROGRAM, join(directory, 'absolute'));
    symlinkSync(relative(join(directory, 'bin'), PROGRAM), join(directory, 'bin/relative'));
    symlinkSync('bin/relative', join(directory, 'twice'));
    const run = (program: string, args: string[] = [], extra: NodeJS.ProcessEnv = {}): string =>
      xtokend(args, { program, cwd: directory, input: 'isuser:a:b\n', env: { ...env, ...extra } }).stdout;
    expect([join(directory, 'absolute'), './bin/relative', './twice'].map((program) => run(program))).toEqual(
      ['1\n', '1\n', '1\n'],
    );
    const path = `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}`;
    expect(run('/usr/bin/env', ['relative'], { PATH: path })).toBe('1\n');
  });

  it('is one process: it becomes Node', async () => {
    const child = startXtokend([], environment());
    child.stdin.write('isuser:a:b\n');
    await once(child.stdout, 'data');
    expect(readFileSync(`/proc/${child.pid}/comm`, 'utf8').trim()).toMatch(/^node|^MainThread/);
    child.stdin.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('leaves an incomplete request unanswered, and ends with status 0', () => {
    expect(xtokend([], { input: 'isuser:a:b\nisuser:a', env: environment() })).toMatchObject({
      status: 0,
      stdout: '1\n',
    });
    expect(xtokend([], { input: '', env: environment() })).toMatchObject({ status: 0, stdout: '' });
  });

  it('answers a flood of requests, and a line without an end, in little memory', async () => {
    const child = startXtokend([], { ...environment(), NODE_OPTIONS: '--max-old-space-size=64' });
    let answered = 0;
    child.stdout.on('data', (data: Buffer) => (answered += data.length / 2));
    child.stderr.resume();
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    for (let sent = 0; sent < 128; sent += 1) if (!child.stdin.write(chunk)) await once(child.stdin, 'drain');
    child.stdin.end(`\n${'nonsense\n'.repeat(50_000)}`);
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(answered).toBe(50_001);
  });

  it('ends without an error when nobody reads the answers', async () => {
    const child = startXtokend([], environment());
    let log = '';
    child.stderr.on('data', (data: Buffer) => (log += data.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.write('isuser:a:b\n');
    await once(child.stdout, 'data');
    child.stdout.destroy();
    child.stdin.write('isuser:a:b\n');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(log).not.toContain('EPIPE');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 at %s', async (signal) => {
    const child = startXtokend([], environment());
    child.stdin.write('isuser:a:b\n');
    await once(child.stdout, 'data');
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('writes its log to a file if the configuration sets one', () => {
    const log = join(temporaryDirectory(), 'log');
    const config = temporaryFile(`${SECRETS}[log]\ntarget = "file:${log}"\n`);
    expect(xtokend(['--config', config], { input: 'isuser:a:b\n' })).toMatchObject({
      stdout: '1\n',
      stderr: '',
    });
    expect(readFileSync(log, 'utf8')).toMatch(
      /info started .*\n.*info accepted operation="isuser" jid="a@b" host="b" listener="stdin" ms=[\d.]+\n$/,
    );
  });

  it.each(['a socket', 'a pipe'])(
    'answers, and ends, although nobody reads its log on stderr, %s',
    async (kind) => {
      const child = spawn(PROGRAM, [], {
        env: { PATH: process.env['PATH'], ...environment() },
        stdio: ['pipe', 'pipe', kind === 'a pipe' ? openPipe() : 'pipe'],
      });
      // Paused: far more than a pipe holds will be written there.
      child.stderr?.pause();
      let answered = 0;
      child.stdout?.on('data', (data: Buffer) => (answered += data.length / 2));
      const ended = once(child, 'exit');
      // Accepted requests, as their lines are never suppressed.
      child.stdin?.end('isuser:a:b\n'.repeat(20_000));
      await expect.poll(() => answered).toBe(20_000);
      expect(await ended).toEqual([0, null]);
    },
  );

  it('refuses every request while the configuration is missing, and applies one that appears', async () => {
    const config = join(temporaryDirectory(), 'xtokend.toml');
    const child = startXtokend(['--config', config]);
    child.stdin.write('isuser:a:b\n');
    expect(await once(child.stdout, 'data')).toEqual([Buffer.from('0\n')]);
    writeFileSync(config, SECRETS);
    child.stdin.write('isuser:a:b\n');
    expect(await once(child.stdout, 'data')).toEqual([Buffer.from('1\n')]);
    child.stdin.end();
    await once(child, 'exit');
  });

  it('names what is missing if there is no Node.js, or if it was not built', () => {
    const directory = temporaryDirectory();
    symlinkSync('/bin/sh', join(directory, 'sh'));
    const withoutNode = xtokend([], { env: { PATH: directory } });
    expect(withoutNode.status).toBe(127);
    expect(withoutNode.stderr).toContain(
      "xtokend: expected Node.js 18.19 or later; there is no 'node' in PATH",
    );
    mkdirSync(join(directory, 'bin'));
    writeFileSync(join(directory, 'bin/xtokend'), readFileSync(PROGRAM), { mode: 0o755 });
    const notBuilt = xtokend([], { program: join(directory, 'bin/xtokend') });
    expect(notBuilt.status).toBe(127);
    expect(notBuilt.stderr).toContain('npm ci && npm run build');
  });

  it('prints a hint on a terminal', async (context) => {
    requireScript(context);
    const config = temporaryFile(SECRETS);
    // script(1) gives the program a terminal, as a shell would.
    const child = startXtokend(['-qec', `${PROGRAM} --config ${config}`, '/dev/null'], {}, 'script');
    let screen = '';
    child.stdout.on('data', (data: Buffer) => (screen += data.toString()));
    await expect.poll(() => screen).toContain('Ctrl-D ends.');
    expect(screen).toContain(`mint --config ${config} alice@example.com`);
    expect(screen).toContain('auth:alice:example.com:TOKEN');
    child.stdin.write('isuser:a:b\n');
    await expect.poll(() => screen).toContain('\n1\r\n');
    // Ctrl-D.
    child.stdin.write('\u0004');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('ends with an error on a terminal if there is no configuration', (context) => {
    requireScript(context);
    const { stdout, status } = xtokend(['-qec', `${PROGRAM} --config /no/such`, '/dev/null'], {
      program: 'script',
    });
    expect(status).toBe(2);
    expect(stdout).toContain('xtokend: cannot read the configuration /no/such');
  });
});

/** Opens a pipe that nobody reads. @returns the end for writing */
function openPipe(): number {
  const path = join(temporaryDirectory(), 'pipe');
  execFileSync('mkfifo', [path]);
  const descriptor = openSync(path, constants.O_RDWR);
  onTestFinished(() => {
    closeSync(descriptor);
  });
  return descriptor;
}
