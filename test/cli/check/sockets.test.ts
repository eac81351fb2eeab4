import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { findAccount } from '../../../src/cli/check/machine/accounts.js';
import { check } from '../../support/daemon/check.js';
import { Daemon } from '../../support/daemon/daemon.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { OTHER_USER, passableDirectory, requireRoot } from '../../support/system/other-user.js';
import { requirePackage } from '../../support/run/requirements.js';
import { startXtokend, xtokend } from '../../support/xtokend.js';

const account = findAccount('prosody');
let folder = '';
let path = '';

/** Returns the findings about the socket of this test. */
function found(): string[] {
  const { findings } = check(SECRETS, { args: ['--socket', path] });
  return findings
    .filter(({ subject }) => subject === 'socket')
    .map(({ level, code, message, fix = '' }) => `${level} ${code}: ${message}; ${fix}`);
}

/** Starts another program that listens there. */
async function serveAsOther(onConnection: string): Promise<void> {
  const program = `require('net').createServer((c) => { ${onConnection} }).listen(process.argv[1], () => console.log())`;
  const child = spawn(process.execPath, ['-e', program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  await once(child.stdout, 'data');
}

/** Starts an xtokend that listens there. */
async function listen(more = ''): Promise<ChildProcess> {
  const child = startXtokend(['--config', temporaryFile(SECRETS), '--listen', `unix:${path}${more}`]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString()));
  while (!log.includes('listening')) await once(child.stderr, 'data');
  return child;
}

function requireProsody(context: TestContext): void {
  requirePackage(context, account !== undefined, 'prosody');
  if (process.getuid?.() !== 0) context.skip('only root can give a socket to another group');
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xtokend-socket-'));
  chmodSync(folder, 0o755);
  path = join(folder, 'run', 'xtokend.sock');
  mkdirSync(dirname(path), { mode: 0o755 });
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('xtokend check, of sockets', () => {
  it('reports that user prosody may not write to it, until its group may', async (context) => {
    requireProsody(context);
    await listen();
    expect(found()).toEqual([
      `problem socket-unreachable: user prosody may not connect to ${path} (root:root, mode 0660); xtokend serve --listen unix:${path},group=prosody; under systemd, SocketGroup=xtokend-socket and SocketMode=0660, as in the xtokend.socket of this package, and usermod --append --groups xtokend-socket prosody && systemctl restart prosody`,
    ]);
    chownSync(path, 0, account?.gids[0] ?? 0);
    expect(found()).toEqual([`ok socket-ok: user prosody may connect, and xtokend answers on ${path}; `]);
    chmodSync(path, 0o606);
    expect(found()).toEqual([expect.stringContaining('(root:prosody, mode 0606)')]);
  });

  it('accepts the fix that it names', async (context) => {
    requireProsody(context);
    await listen(',group=prosody');
    expect(found()).toEqual([expect.stringContaining('ok socket-ok')]);
  });

  it('reports a directory that user prosody may not pass through', async (context) => {
    requireProsody(context);
    await listen(',group=prosody');
    chmodSync(dirname(path), 0o750);
    expect(found()).toEqual([
      `problem socket-unreachable: user prosody may not pass through ${dirname(path)} (root:root, mode 0750); chmod o+x ${dirname(path)}; under systemd, DirectoryMode=0755 in xtokend.socket`,
    ]);
  });

  it('reports a directory above it that another user can change, as xtokend does', async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can give a directory away');
    await listen();
    chownSync(folder, 65_534, 65_534);
    expect(found()[0]).toMatch(
      /^problem socket-exposed: .* owns .*, and so can replace the socket .*; chown root /,
    );
    const { stderr, status } = xtokend(['--config', temporaryFile(SECRETS), '--listen', `unix:${path}2`]);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /expected a directory that only root and this user can change, but .* owns .*; fix: chown/,
    );
  });

  it('reports a path without a socket', () => {
    expect(found()).toEqual([
      expect.stringMatching(
        /^problem socket-missing: there is no socket .*; start xtokend: systemctl enable --now xtokend\.socket/,
      ),
    ]);
    writeFileSync(path, '');
    expect(found()).toEqual([expect.stringContaining(`problem socket-missing: ${path} is not a socket`)]);
  });

  it('reports a socket of an xtokend that was killed', async () => {
    const daemon = new Daemon(SECRETS);
    onTestFinished(() => daemon.remove());
    await daemon.start();
    await daemon.end('SIGKILL');
    path = daemon.socketPath;
    expect(found()).toEqual([expect.stringMatching(`^problem socket-no-listener: .* ${path}: `)]);
  });

  it('checks the socket in the configuration of Prosody', async () => {
    await listen(',mode=666');
    const lua = `authentication = "xtoken"\nxtoken_socket = "${path}"\nVirtualHost "a.example"\nVirtualHost "b.example"\nxtoken_socket = "${temporaryDirectory()}/none"`;
    const { of } = check(SECRETS, { args: ['--prosody', temporaryFile(lua, 'prosody.cfg.lua')] });
    expect(of('socket-ok')).toEqual([expect.stringContaining(path)]);
    expect(of('socket-missing')).toHaveLength(1);
  });

  it('checks the socket of the xtokend that Prosody starts', () => {
    const data = temporaryDirectory();
    const started = `data_path = "${data}"\nauthentication = "xtoken"\nxtoken_command = "/usr/bin/xtokend"\n`;
    const lua = `${started}VirtualHost "a.example"\nVirtualHost "b.example"`;
    const { of } = check(SECRETS, { args: ['--prosody', temporaryFile(lua, 'prosody.cfg.lua')] });
    expect(of('socket-missing')).toEqual([
      expect.stringContaining(
        `there is no socket ${data}/xtokend/xtokend.sock: Prosody has not started xtokend, or it has ended; start or`,
      ),
    ]);
  });

  it('reports that Prosody uses a socket of the other protocol', async () => {
    const lua = `authentication = "xtoken"\nxtoken_socket = "${path}"\nVirtualHost "a.example"`;
    const args = ['--prosody', temporaryFile(lua, 'prosody.cfg.lua')];
    const child = await listen(',mode=666,protocol=ejabberd');
    expect(check(SECRETS, { args }).of('socket-protocol')).toEqual([expect.stringContaining(path)]);
    child.kill('SIGTERM');
    await once(child, 'exit');
    await listen(',mode=666');
    const { of } = check(SECRETS, { args });
    expect([of('socket-protocol'), of('socket-ok')]).toEqual([[], [expect.stringContaining(path)]]);
  });

  it('tests a socket of either protocol', async () => {
    await listen(',mode=666,protocol=ejabberd');
    expect(found()).toEqual([expect.stringContaining(`xtokend answers on ${path}`)]);
  });

  it.each([
    ['gives no answer within 2 s', 'c.resume()'],
    ['closes the connection without an answer', 'c.end()'],
    ['gives an answer that xtokend would not give', "c.end('hello')"],
  ])('reports a process that listens there and %s', async (fault, onConnection) => {
    await serveAsOther(onConnection);
    chmodSync(path, 0o666);
    expect(found()).toEqual([
      expect.stringMatching(
        `^problem socket-no-answer: process \\d+ \\(.*\\) at ${path} ${fault}; see the log .*: kill \\d+$`,
      ),
    ]);
  });

  it('reports a daemon that can check no login, with its reason', async () => {
    await listen(',mode=666');
    const config = `${SECRETS}[hosts."a.example"]\n`;
    expect(check(config, { args: ['--socket', path] }).of('socket-ok')).toHaveLength(1);
    const other = join(folder, 'other.sock');
    const child = startXtokend(['--config', temporaryFile(config), '--listen', `unix:${other},mode=666`]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await expect.poll(() => existsSync(other)).toBe(true);
    // It does not serve the host of the configuration that is checked.
    const { of } = check(`${SECRETS}[hosts."b.example"]\n`, { args: ['--socket', other] });
    expect(of('socket-refuses')).toEqual([
      expect.stringMatching(
        /^problem: xtokend answers on .*, but cannot check logins \(unknown-host\): the host is not in the configuration; see its log/,
      ),
    ]);
    expect(check(SECRETS, { args: ['--socket', other] }).of('socket-ok')).toHaveLength(1);
  });

  it('notes that it cannot tell, if its user may not connect, and tests the socket once it may', async (context) => {
    requireRoot(context);
    await listen();
    const folder = passableDirectory();
    for (const part of ['bin', 'dist']) cpSync(part, join(folder, part), { recursive: true });
    writeFileSync(join(folder, 'xtokend.toml'), SECRETS, { mode: 0o644 });
    const ask = (): string =>
      spawnSync(
        join(folder, 'bin/xtokend'),
        ['check', '--json', '--config', join(folder, 'xtokend.toml'), '--socket', path],
        { encoding: 'utf8', uid: OTHER_USER, gid: OTHER_USER, cwd: '/', env: { PATH: process.env['PATH'] } },
      ).stdout;
    chmodSync(path, 0o660);
    // Prosody may, by its group.
    if (account !== undefined) chownSync(path, 0, account.gids[0] ?? 0);
    expect(ask()).toContain('"code": "socket-not-tested"');
    expect(ask()).not.toContain('socket-ok');
    chmodSync(path, 0o666);
    expect(ask()).toContain('"code": "socket-ok"');
  });

  it('reports a prosody_user that does not exist', async () => {
    await listen(',mode=666');
    const codesFor = (user: string): string[] => {
      const lua = `${user}VirtualHost "a.example"\nauthentication = "xtoken"\nxtoken_socket = "${path}"\n`;
      const { findings } = check(SECRETS, { args: ['--prosody', temporaryFile(lua, 'prosody.cfg.lua')] });
      return findings
        .filter(({ subject }) => subject === 'socket')
        .map(({ level, code }) => `${level} ${code}`);
    };
    expect(codesFor('prosody_user = "prosodie"\n')).toEqual(['problem socket-user-missing', 'ok socket-ok']);
    expect(codesFor('prosody_user = "nobody"\n')).toEqual(['ok socket-ok']);
  });

  it('names an older daemon to which a server can still be connected', async () => {
    const older = await listen(',mode=666');
    older.kill('SIGSTOP');
    rmSync(path);
    await listen(',mode=666');
    expect(found()).toEqual([
      expect.stringContaining('ok socket-ok'),
      `problem socket-shared: more than one process listens at ${path}: a chat server that connected earlier still asks process ${older.pid} (xtokend, stopped); kill -KILL ${older.pid}`,
    ]);
    older.kill('SIGKILL');
    await once(older, 'exit');
    expect(found()).toEqual([expect.stringContaining('ok socket-ok')]);
  });
});
