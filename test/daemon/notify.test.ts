import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openNotify, type NotifyOptions } from '../../src/daemon/notify.js';
import { temporaryDirectory } from '../support/directory.js';
import { requirePackage } from '../support/run/requirements.js';

const PID = 4711;
const isInstalled = spawnSync('systemd-notify', ['--version']).status === 0;

interface Receiver {
  readonly socket: string;
  readonly received: () => string;
}

/** Receives datagrams, as systemd does. */
async function receive(): Promise<Receiver> {
  const directory = temporaryDirectory();
  const socket = join(directory, 'notify');
  const file = join(directory, 'received');
  writeFileSync(file, '');
  const receiver = spawn('systemd-socket-activate', [
    ...['-d', '--inetd', '-E', 'PATH', '-l', socket],
    ...['sh', '-c', 'exec cat >"$0"', file],
  ]);
  onTestFinished(async () => {
    receiver.kill();
    await once(receiver, 'exit');
  });
  await once(receiver.stderr, 'data');
  return { socket, received: () => readFileSync(file, 'utf8') };
}

function options(settings: Partial<NotifyOptions>): { all: NotifyOptions; warnings: string[] } {
  const warnings: string[] = [];
  const all = {
    socket: undefined,
    path: process.env['PATH'],
    pid: PID,
    monotonic: () => 123_456n,
    onWarning: (message: string) => warnings.push(message),
    ...settings,
  };
  return { all, warnings };
}

describe('openNotify', () => {
  beforeEach((context) => {
    requirePackage(context, isInstalled, 'systemd');
  });

  it('sends all messages in order', async () => {
    const { socket, received } = await receive();
    const { all, warnings } = options({ socket });
    const notify = openNotify(all);
    notify.ready('Answering on 2 sockets');
    notify.reloading();
    notify.ready('Answering still');
    notify.stopping();
    await expect.poll(received).toContain('STOPPING=1');
    const sent = received().match(
      /READY=1|STATUS=[\w ]+|RELOADING=1|MONOTONIC_USEC=\d+|STOPPING=1|MAINPID=\d+/g,
    );
    expect(sent?.filter((line) => line !== `MAINPID=${PID}`)).toEqual([
      ...['READY=1', 'STATUS=Answering on 2 sockets'],
      ...['STATUS=Reloading the configuration', 'RELOADING=1', 'MONOTONIC_USEC=123456'],
      ...['READY=1', 'STATUS=Answering still'],
      ...['STATUS=Answering the last requests', 'STOPPING=1'],
    ]);
    await notify.flushed();
    expect(warnings).toEqual([]);
  });

  it('runs nothing without NOTIFY_SOCKET', async () => {
    const directory = temporaryDirectory();
    const program = join(directory, 'systemd-notify');
    writeFileSync(program, `#!/bin/sh\necho x >>${directory}/ran\n`);
    chmodSync(program, 0o755);
    const silent = openNotify(options({ path: directory }).all);
    silent.ready('x');
    await silent.flushed();
    const telling = openNotify(options({ path: directory, socket: '/nobody' }).all);
    telling.ready('x');
    await telling.flushed();
    await expect.poll(() => readFileSync(join(directory, 'ran'), 'utf8')).toBe('x\n');
  });

  it('warns once that there is no systemd-notify, and how to fix that', async () => {
    const { all, warnings } = options({ path: '/nowhere', socket: '/nobody' });
    const notify = openNotify(all);
    notify.ready('x');
    notify.stopping();
    await notify.flushed();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/expected to run systemd-notify, found: .*ENOENT.* Install it .*Type=exec/);
  });

  it('warns once that systemd does not receive its messages', async () => {
    const { all, warnings } = options({ socket: '/nobody' });
    const notify = openNotify(all);
    notify.ready('x');
    notify.ready('y');
    await expect.poll(() => warnings).toHaveLength(1);
    await notify.flushed();
    expect(warnings).toHaveLength(1);
  });

  it('waits only a moment for a systemd-notify that hangs', async () => {
    const directory = temporaryDirectory();
    const program = join(directory, 'systemd-notify');
    writeFileSync(program, '#!/bin/sh\nexec /bin/sleep 10\n');
    chmodSync(program, 0o755);
    const notify = openNotify(options({ path: directory, socket: '/nobody' }).all);
    notify.stopping();
    const start = performance.now();
    await notify.flushed();
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
