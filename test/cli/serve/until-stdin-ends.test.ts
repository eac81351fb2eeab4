import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask } from '../../support/daemon/requests.js';
import { temporaryDirectory, temporaryFile } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { hasProgram, requirePackage } from '../../support/run/requirements.js';
import { openFifo } from '../../support/system/fifo.js';
import { fakeLogProgram } from '../../support/system/log-program.js';
import { end } from '../../support/system/processes.js';
import { PROGRAM, xtokend } from '../../support/xtokend.js';

interface StartOptions {
  readonly config?: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly stderr?: 'pipe' | 'ignore';
  /** What it inherits, from number 3 on; nothing if it is `'ignore'`. */
  readonly inherited?: readonly (number | 'ignore')[];
  /** The shell that runs bin/xtokend. */
  readonly shell?: readonly string[];
}

/** An xtokend that a test controls as Prosody does. */
class Started {
  readonly child: ChildProcess;
  readonly path: string = join(temporaryDirectory(), 'socket');
  stdout = '';
  stderr = '';

  constructor({
    config,
    args = [],
    env,
    stderr = 'pipe',
    inherited = [],
    shell = ['sh'],
  }: StartOptions = {}) {
    const command = [
      ...shell.slice(1),
      PROGRAM,
      'serve',
      '--listen',
      `unix:${this.path}`,
      '--until-stdin-ends',
      ...args,
    ];
    this.child = spawn(shell[0] ?? 'sh', [...command, '--config', config ?? temporaryFile(SECRETS)], {
      env: { PATH: process.env['PATH'], STATE_DIRECTORY: temporaryDirectory(), ...env },
      stdio: ['pipe', 'pipe', stderr, ...inherited],
    });
    this.child.stdout?.on('data', (data: Buffer) => (this.stdout += data.toString()));
    this.child.stderr?.on('data', (data: Buffer) => (this.stderr += data.toString()));
    onTestFinished(() => end(this.child));
  }

  async ready(): Promise<this> {
    await expect.poll(() => this.stdout, { timeout: 20_000 }).toMatch(/^ready$/m);
    return this;
  }

  /** The kinds of its descriptors, such as `pipe`, in the order of the alphabet. */
  get descriptors(): string[] {
    return targetsIn(`/proc/${String(this.child.pid)}/fd`)
      .map((target) => target.replace(/:\[\d+\]$/, ''))
      .sort();
  }
}

function targetsIn(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    try {
      return readlinkSync(join(directory, name));
    } catch {
      // It was closed meanwhile.
      return [];
    }
  });
}

/** Returns open descriptors of several kinds, among them an epoll. */
async function openSome(): Promise<number[]> {
  const epoll = readdirSync('/proc/self/fd').find(
    (name) => name !== '0' && readLink(`/proc/self/fd/${name}`) === 'anon_inode:[eventpoll]',
  );
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fifo = openFifo();
  const file = openSync('/etc/passwd', 'r');
  onTestFinished(() => {
    server.close();
    fifo.closeReader();
    for (const descriptor of [fifo.writer, file]) closeSync(descriptor);
  });
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return [Number(epoll), fd, fifo.writer, file];
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

describe('xtokend serve --until-stdin-ends', () => {
  it('answers until stdin ends, and removes its socket', async () => {
    const { child, path } = await new Started().ready();
    expect(await ask(path, 'isuser:a:b\n')).toBe('1\n');
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(path)).toBe(false);
  });

  it('ends at the line "stop", or with the process that started it, even if another one holds the pipe', async () => {
    const stopped = await new Started().ready();
    stopped.child.stdin?.write('stop\n');
    expect(await once(stopped.child, 'exit')).toEqual([0, null]);
    const parent = spawn('sleep', ['60']);
    const { child } = await new Started({ env: { XTOKEND_PARENT: String(parent.pid) } }).ready();
    expect(readFileSync(`/proc/${String(parent.pid)}/comm`, 'utf8')).toBe('sleep\n');
    parent.kill('SIGKILL');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('ends at SIGTERM as well', async () => {
    const { child } = await new Started().ready();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('needs a socket', () => {
    const run = xtokend(['serve', '--until-stdin-ends']);
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('xtokend: --until-stdin-ends: expected --listen as well');
    expect(run.stdout).toMatch(/^error --until-stdin-ends: expected --listen .*\n$/);
  });

  it('is in the help', () => {
    expect(xtokend(['serve', '--help']).stdout).toContain('--until-stdin-ends');
  });

  it('reloads the configuration at the line reload, and ignores others', async () => {
    const config = temporaryFile(`${SECRETS}[hosts."a"]\n`);
    const started = await new Started({ config }).ready();
    expect(await ask(started.path, 'isuser:u:b\n')).toBe('0\n');
    writeFileSync(config, `${SECRETS}[hosts."b"]\n`);
    for (const part of ['reloads\n', 'x'.repeat(100_000), '\nrelo', 'ad']) started.child.stdin?.write(part);
    expect(await ask(started.path, 'isuser:u:b\n')).toBe('0\n');
    started.child.stdin?.write('\n');
    await expect.poll(() => ask(started.path, 'isuser:u:b\n')).toBe('1\n');
    await expect.poll(() => started.stderr.split('configuration reloaded')).toHaveLength(2);
    expect(started.stdout).toBe('ready\n');
  });

  it('refuses requests without a configuration, and applies one as soon as there is one', async () => {
    const config = join(temporaryDirectory(), 'xtokend.toml');
    const started = await new Started({ config }).ready();
    const cause = `error no valid configuration; refusing all requests: cannot read the configuration ${config}: there is no such file`;
    expect(started.stdout).toContain(cause);
    expect(await ask(started.path, 'isuser:a:b\n')).toBe('0\n');
    await expect.poll(() => started.stderr).toContain('reason="no-configuration"');
    writeFileSync(config, SECRETS, { mode: 0o600 });
    expect(await ask(started.path, 'isuser:a:b\n')).toBe('1\n');
    writeFileSync(config, 'otp_seed = 1');
    started.child.stdin?.write('reload\n');
    await expect
      .poll(() => started.stdout)
      .toContain('error configuration reload failed, keeping the previous one: ');
    expect(await ask(started.path, 'isuser:a:b\n')).toBe('1\n');
  });

  it('reports why it cannot start', async () => {
    const missing = new Started({ args: ['--listen', 'unix:/no/such/directory/socket'] });
    expect(await once(missing.child, 'close')).toEqual([2, null]);
    expect(missing.stdout).toBe(
      'error cannot listen on /no/such/directory/socket: there is no directory /no/such/directory; make it, so that this user can write there\n',
    );
    const wrong = new Started({ args: ['--no-such-option'] });
    await once(wrong.child, 'close');
    expect(wrong.stdout).toBe("error error: unknown option '--no-such-option'\n");
    const empty = temporaryDirectory();
    const withoutNode = new Started({ shell: ['/bin/sh'], env: { PATH: empty } });
    expect(await once(withoutNode.child, 'close')).toEqual([127, null]);
    expect(withoutNode.stdout).toBe(
      `error expected Node.js 18.19 or later; there is no 'node' in PATH (${empty}). Install it.\n`,
    );
  });

  it('leaves alone what systemd has given to its parent', async () => {
    const runtime = temporaryDirectory();
    const systemd = {
      NOTIFY_SOCKET: '/no/such/socket',
      RUNTIME_DIRECTORY: runtime,
      LISTEN_PID: '1',
      LISTEN_FDS: '1',
    };
    const started = await new Started({ env: systemd }).ready();
    started.child.stdin?.write('reload\n');
    await expect.poll(() => started.stderr).toContain('configuration reloaded');
    expect(readdirSync(runtime)).toEqual([]);
    expect(started.stderr).not.toContain('systemd');
  });

  it('writes its log to syslog if its parent has no stderr', async () => {
    const logger = fakeLogProgram('logger');
    await new Started({ env: logger.env, stderr: 'ignore' }).ready();
    await expect.poll(logger.log).toContain('listening');
  });

  it.for(['dash', 'bash', 'busybox sh'])(
    'closes exactly the descriptors that it inherits, in %s',
    async (text, context) => {
      const shell = text.split(' ');
      requirePackage(context, hasProgram(shell[0] ?? ''), shell[0] ?? '');
      const alone = await new Started({ shell }).ready();
      const some = await openSome();
      // With gaps, which Node's own descriptors fill.
      const many = Array.from({ length: 45 }, (_, index) => [
        ...some,
        ...(index % 9 === 1 ? (['ignore'] as const) : []),
      ]);
      const surrounded = await new Started({ shell, inherited: many.flat() }).ready();
      expect(surrounded.descriptors).toEqual(alone.descriptors);
      expect(await ask(surrounded.path, 'isuser:a:b\n')).toBe('1\n');
    },
  );
});
