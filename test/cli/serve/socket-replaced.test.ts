import { once } from 'node:events';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnSync, type ChildProcess } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask } from '../../support/daemon/requests.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { OTHER_SECRET, OTHER_SEED, SECRETS } from '../../support/keys.js';
import { end, hasEnded } from '../../support/system/processes.js';
import { requirePackage } from '../../support/run/requirements.js';
import { startXtokend } from '../../support/xtokend.js';
import { tokenOf } from '../../servers/logins.js';

const OTHER_SECRETS = `otp_seed = "${OTHER_SEED}"\ntoken_secret = "${OTHER_SECRET}"\n`;

interface Started {
  readonly child: ChildProcess;
  readonly log: () => string;
}

/** Starts an xtokend on sockets. @returns once all are open */
async function start(paths: readonly string[], secrets = SECRETS): Promise<Started> {
  const addresses = paths.flatMap((path) => ['--listen', `unix:${path}`]);
  const child = startXtokend(['--config', temporaryFile(secrets), ...addresses]);
  onTestFinished(() => end(child));
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString()));
  await expect.poll(() => log.match(/ listening /g) ?? []).toHaveLength(paths.length);
  return { child, log: () => log };
}

/** Opens a connection that stays open. */
async function connected(path: string): Promise<Socket> {
  const socket = connect(path);
  onTestFinished(() => {
    socket.destroy();
  });
  socket.write('isuser:a:b\n');
  await once(socket, 'data');
  return socket;
}

describe('an xtokend whose socket is replaced', () => {
  it('closes its connections and ends, so that servers connect to the new one', async () => {
    const path = join(temporaryDirectory(), 'socket');
    const older = await start([path], OTHER_SECRETS);
    const exit = once(older.child, 'exit');
    const closed = once((await connected(path)).resume(), 'close');
    // As systemd does.
    rmSync(path);
    const newer = await start([path]);
    await closed;
    expect(await exit).toEqual([0, null]);
    await expect.poll(older.log).toContain('socket replaced by another process; closing this listener path=');
    expect(older.log()).toMatch(/closing this listener path=\S+ pid=\d+ command="xtokend"/);
    expect(await ask(path, `auth:alice:example.com:${tokenOf('alice@example.com')}\n`)).toBe('1\n');
    expect(hasEnded(newer.child)).toBe(false);
  });

  it('continues to serve its other listeners', async () => {
    const directory = temporaryDirectory();
    const [path, other] = [join(directory, 'a'), join(directory, 'b')];
    const { child, log } = await start([path, other]);
    const closed = once((await connected(path)).resume(), 'close');
    const kept = await connected(other);
    const replacement = createServer().listen(`${path}.new`);
    onTestFinished(() => {
      replacement.close();
    });
    await once(replacement, 'listening');
    renameSync(`${path}.new`, path);
    await closed;
    kept.write('isuser:a:b\n');
    expect(String(await once(kept, 'data'))).toBe('1\n');
    expect(await ask(other, 'isuser:a:b\n')).toBe('1\n');
    await expect
      .poll(log)
      .toContain(`socket replaced by another process; closing this listener path="${path}"`);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect([existsSync(path), existsSync(other)]).toEqual([true, false]);
  });

  it.each([
    ['its file', (directory: string) => join(directory, 'own', 'socket')],
    ['its directory', (directory: string) => join(directory, 'own')],
  ])('serves existing connections if %s is removed', async (_, what) => {
    const directory = temporaryDirectory();
    spawnSync('mkdir', [join(directory, 'own')]);
    const { child, log } = await start([join(directory, 'own', 'socket')]);
    const server = await connected(join(directory, 'own', 'socket'));
    rmSync(what(directory), { recursive: true });
    await expect.poll(log).toContain('warning socket file removed by another process; nobody can connect');
    server.write('isuser:a:b\n');
    expect(String(await once(server, 'data'))).toBe('1\n');
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });

  it('continues to serve an inherited socket', async (context) => {
    const activate = 'systemd-socket-activate';
    requirePackage(context, spawnSync(activate, ['--version']).status === 0, 'systemd');
    const path = join(temporaryDirectory(), 'socket');
    const config = temporaryFile(SECRETS);
    const state = `--setenv=STATE_DIRECTORY=${process.env['STATE_DIRECTORY'] ?? ''}`;
    const program = [process.cwd() + '/bin/xtokend', '--config', config];
    const child = startXtokend([`--listen=${path}`, state, '--setenv=PATH', ...program], {}, activate);
    onTestFinished(() => end(child));
    await expect.poll(() => existsSync(path)).toBe(true);
    const server = await connected(path);
    rmSync(path);
    // Longer than two checks.
    await sleep(2500);
    server.write('isuser:a:b\n');
    expect(String(await once(server, 'data'))).toBe('1\n');
    expect(hasEnded(child)).toBe(false);
  });
});
