import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openNotify, type NotifyOptions } from '../../src/daemon/notify.js';
import { temporaryDirectory } from '../support/directory.js';
import { requirePackage } from '../support/requirement.js';

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

function options(settings: Partial<NotifyOptions>): { all: NotifyOptions; troubles: string[] } {
  const troubles: string[] = [];
  const all = {
    socket: undefined,
    path: process.env['PATH'],
    pid: PID,
    monotonic: () => 123_456n,
    onWarning: (message: string) => troubles.push(message),
    ...settings,
  };
  return { all, troubles };
}

describe('openNotify', () => {
  beforeEach((context) => {
    requirePackage(context, isInstalled, 'systemd');
  });

  it('says all in its order', async () => {
    const { socket, received } = await receive();
    const { all, troubles } = options({ socket });
    const notify = openNotify(all);
    notify.ready('Answering on 2 sockets');
    notify.reloading();
    notify.ready('Answering still');
    notify.stopping();
    await expect.poll(received).toContain('STOPPING=1');
    const said = received().match(
      /READY=1|STATUS=[\w ]+|RELOADING=1|MONOTONIC_USEC=\d+|STOPPING=1|MAINPID=\d+/g,
    );
    expect(said?.filter((line) => line !== `MAINPID=${PID}`)).toEqual([
      ...['READY=1', 'STATUS=Answering on 2 sockets'],
      ...['STATUS=Reading the configuration again', 'RELOADING=1', 'MONOTONIC_USEC=123456'],
      ...['READY=1', 'STATUS=Answering still'],
      ...['STATUS=Answering the last requests', 'STOPPING=1'],
    ]);
    await notify.said();
    expect(troubles).toEqual([]);
  });

  it('runs nothing where nobody wants to know', async () => {
    const directory = temporaryDirectory();
    const program = join(directory, 'systemd-notify');
    writeFileSync(program, `#!/bin/sh\necho x >>${directory}/ran\n`);
    chmodSync(program, 0o755);
    const silent = openNotify(options({ path: directory }).all);
    silent.ready('x');
    await silent.said();
    const telling = openNotify(options({ path: directory, socket: '/nobody' }).all);
    telling.ready('x');
    await telling.said();
    await expect.poll(() => readFileSync(join(directory, 'ran'), 'utf8')).toBe('x\n');
  });

  it('says once that there is no systemd-notify, and what to do', async () => {
    const { all, troubles } = options({ path: '/nowhere', socket: '/nobody' });
    const notify = openNotify(all);
    notify.ready('x');
    notify.stopping();
    await notify.said();
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toMatch(/expected to run systemd-notify, found: .*ENOENT.* Install it .*Type=exec/);
  });

  it('says once that nobody listens', async () => {
    const { all, troubles } = options({ socket: '/nobody' });
    const notify = openNotify(all);
    notify.ready('x');
    notify.ready('y');
    await expect.poll(() => troubles).toHaveLength(1);
    await notify.said();
    expect(troubles).toHaveLength(1);
  });

  it('waits only a moment for one that hangs', async () => {
    const directory = temporaryDirectory();
    const program = join(directory, 'systemd-notify');
    writeFileSync(program, '#!/bin/sh\nexec /bin/sleep 10\n');
    chmodSync(program, 0o755);
    const notify = openNotify(options({ path: directory, socket: '/nobody' }).all);
    notify.stopping();
    const start = performance.now();
    await notify.said();
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
