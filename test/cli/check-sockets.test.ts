import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { findAccount } from '../../src/cli/check/accounts.js';
import { check } from '../support/check.js';
import { Daemon } from '../support/daemon.js';
import { temporaryFile, temporaryFolder } from '../support/folder.js';
import { SECRETS } from '../support/keys.js';
import { requirePackage } from '../support/requirement.js';
import { startXtokend, xtokend } from '../support/xtokend.js';

const account = findAccount('prosody');
let folder = '';
let path = '';

/** What is said of the socket of this test. */
function said(): string[] {
  const { findings } = check(SECRETS, { args: ['--socket', path] });
  return findings
    .filter(({ subject }) => subject === 'socket')
    .map(({ level, code, message, cure = '' }) => `${level} ${code}: ${message}; ${cure}`);
}

/** Starts an xtokend that listens there. */
async function listen(more = ''): Promise<void> {
  const child = startXtokend(['--config', temporaryFile(SECRETS), '--listen', `unix:${path}${more}`]);
  onTestFinished(() => void child.kill());
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString()));
  while (!log.includes('listening')) await once(child.stderr, 'data');
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
  it('finds that user prosody may not write to it, and is content once its group may', async (context) => {
    requireProsody(context);
    await listen();
    expect(said()).toEqual([
      `problem socket-unreachable: user prosody may not connect to ${path} (root:root, mode 0660); xtokend serve --listen unix:${path},group=prosody; under systemd, SocketGroup=prosody in a drop-in for xtokend.socket`,
    ]);
    chownSync(path, 0, account?.gids[0] ?? 0);
    expect(said()).toEqual([`ok socket-good: user prosody may connect, and somebody answers on ${path}; `]);
    chmodSync(path, 0o606);
    expect(said()).toEqual([expect.stringContaining('(root:prosody, mode 0606)')]);
  });

  it('takes the cure that it names', async (context) => {
    requireProsody(context);
    await listen(',group=prosody');
    expect(said()).toEqual([expect.stringContaining('ok socket-good')]);
  });

  it('finds a folder that user prosody may not pass through', async (context) => {
    requireProsody(context);
    await listen(',group=prosody');
    chmodSync(dirname(path), 0o750);
    expect(said()).toEqual([
      `problem socket-unreachable: user prosody may not pass through ${dirname(path)} (root:root, mode 0750); chmod o+x ${dirname(path)}; under systemd, DirectoryMode=0755 in xtokend.socket`,
    ]);
  });

  it('finds a folder on the way that another user can change, as xtokend does', async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can give a folder away');
    await listen();
    chownSync(folder, 65_534, 65_534);
    expect(said()[0]).toMatch(
      /^problem socket-exposed: .* owns .*, and so can put another socket in the place of .*; chown root /,
    );
    const { stderr, status } = xtokend(['--config', temporaryFile(SECRETS), '--listen', `unix:${path}2`]);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /expected a directory that only root and this user can change, but .* owns .*; fix: chown/,
    );
  });

  it('finds that there is none, or something else', () => {
    expect(said()).toEqual([
      expect.stringMatching(
        /^problem socket-missing: there is no socket .*; start xtokend: systemctl enable --now xtokend\.socket/,
      ),
    ]);
    writeFileSync(path, '');
    expect(said()).toEqual([expect.stringContaining(`problem socket-missing: ${path} is no socket`)]);
  });

  it('finds one that a dead xtokend has left', async () => {
    const daemon = new Daemon(SECRETS);
    onTestFinished(() => daemon.remove());
    await daemon.start();
    await daemon.end('SIGKILL');
    path = daemon.socketPath;
    expect(said()).toEqual([expect.stringContaining(`problem socket-dead: nobody answers on ${path}`)]);
  });

  it('looks at the socket that Prosody asks', async () => {
    const server = createServer().listen(path);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    chmodSync(path, 0o666);
    const lua = `authentication = "xtoken"\nxtoken_socket = "${path}"\nVirtualHost "a.example"\nVirtualHost "b.example"\nxtoken_socket = "${temporaryFolder()}/none"`;
    const { of } = check(SECRETS, { args: ['--prosody', temporaryFile(lua, 'prosody.cfg.lua')] });
    expect(of('socket-good')).toEqual([expect.stringContaining(path)]);
    expect(of('socket-missing')).toHaveLength(1);
  });
});
