import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { logInDuring, countAccepted, ask } from '../support/daemon/requests.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { fakeLogProgram } from '../support/system/log-program.js';
import { freePort } from '../support/system/ports.js';
import { descendantsOf } from '../support/system/processes.js';
import { hasProgram, requirePackage } from '../support/run/requirements.js';
import { PROGRAM } from '../support/xtokend.js';

const HOLDER = fileURLToPath(new URL('../support/daemon/socket-holder.sh', import.meta.url));
const isInstalled = ['systemd-socket-activate', 'perl', 'script'].every(hasProgram);

interface Activated {
  readonly child: ChildProcessWithoutNullStreams;
  readonly output: () => string;
}

/** Lets systemd-socket-activate(1) open sockets, and start a program at the first connection. */
async function activate(
  options: readonly string[],
  program: readonly string[],
  before: readonly string[] = [],
): Promise<Activated> {
  const [command = '', ...args] = [...before, 'systemd-socket-activate', ...options, ...program];
  const env = { PATH: process.env['PATH'], STATE_DIRECTORY: temporaryDirectory() };
  const pass = ['-E', 'STATE_DIRECTORY', '-E', 'PATH'];
  const at = args.indexOf(options[0] ?? '');
  const child = spawn(command, [...args.slice(0, at), ...pass, ...args.slice(at)], { env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (output += data.toString()));
  }
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  await expect.poll(() => output).toContain('Listening on');
  return { child, output: () => output };
}

function socketsIn(directory: string, ...names: string[]): { paths: string[]; options: string[] } {
  const paths = names.map((name) => join(directory, name));
  return { paths, options: [...paths.flatMap((path) => ['-l', path]), '--fdname', names.join(':')] };
}

/** Returns what a process has open, as in /proc/PID/fd. @throws if it has ended */
function openFilesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    } catch {
      // It was closed meanwhile.
      return '';
    }
  });
}

describe('sockets that systemd hands over', () => {
  beforeEach((context) => {
    requirePackage(context, isInstalled, 'systemd, perl-base and bsdutils');
  });

  const xtokend = (): string[] => [PROGRAM, 'serve', '--config', temporaryFile(SECRETS)];

  it('are answered in the protocol of their name, besides those of --listen, and their files stay', async () => {
    const directory = temporaryDirectory();
    const { paths, options } = socketsIn(directory, 'generic', 'ejabberd');
    const own = join(directory, 'own');
    const { child, output } = await activate(options, [...xtokend(), '--listen', `unix:${own}`]);
    expect(await ask(paths[0] ?? '', 'isuser:a:b\n')).toBe('1\n');
    expect(await ask(paths[1] ?? '', '\0\x0aisuser:a:b')).toBe('\0\x02\0\x01');
    await expect.poll(() => ask(own, 'isuser:a:b\n').catch(() => '')).toBe('1\n');
    await expect.poll(output).toContain('info listening path="systemd:ejabberd"');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(readdirSync(directory).sort()).toEqual(['ejabberd', 'generic']);
  });

  it('are not handed on to children', async () => {
    const { paths, options } = socketsIn(temporaryDirectory(), 'generic');
    const config = temporaryFile(`${SECRETS}[log]\ntarget = "syslog"\n`);
    const path = fakeLogProgram('logger').env['PATH'] ?? '';
    const { child } = await activate(options, ['env', `PATH=${path}`, PROGRAM, '--config', config]);
    expect(await ask(paths[0] ?? '', 'isuser:a:b\n')).toBe('1\n');
    const pid = child.pid ?? 0;
    await expect.poll(() => descendantsOf(pid).length).toBeGreaterThan(0);
    for (const descendant of descendantsOf(pid)) {
      // Until it has started its program, a child has all files of its parent.
      await expect.poll(() => openFilesOf(descendant)).not.toContain(readlinkSync(`/proc/${pid}/fd/3`));
    }
  });

  it("are answered also where a person's terminal is standard input", async () => {
    const { paths, options } = socketsIn(temporaryDirectory(), 'generic');
    const command = ['systemd-socket-activate', ...options, '-E', 'PATH', ...xtokend()].join(' ');
    // script(1) gives the program a terminal.
    const child = spawn('script', ['-qec', command, '/dev/null']);
    let screen = '';
    child.stdout.on('data', (data: Buffer) => (screen += data.toString()));
    await expect.poll(() => screen).toContain('Listening on');
    expect(await ask(paths[0] ?? '', 'isuser:a:b\n')).toBe('1\n');
    for (const pid of descendantsOf(child.pid ?? 0)) process.kill(pid, 'SIGTERM');
    await once(child, 'close');
    expect(screen).toContain('info listening');
  });

  it.each<[string, (directory: string) => Promise<string[]>, string]>([
    ['datagrams', (directory) => Promise.resolve(['-d', '-l', `${directory}/s`]), 'found something else'],
    [
      'packets',
      (directory) => Promise.resolve(['--seqpacket', '-l', `${directory}/s`]),
      'found something else',
    ],
    [
      'an abstract name',
      () => Promise.resolve(['-l', '@xtokend-test-activated']),
      'found one without a file',
    ],
    ['TCP', async () => ['-l', `127.0.0.1:${await freePort()}`], 'found a TCP socket, which any user'],
  ])('are refused in words where they are for %s', async (_, choose, message) => {
    const options = await choose(temporaryDirectory());
    const { child, output } = await activate(options, xtokend());
    const address = options.at(-1) ?? '';
    if (address.includes(':'))
      connect(Number(address.split(':')[1]), '127.0.0.1').on('error', () => undefined);
    else {
      const types: Record<string, string> = { '-d': 'SOCK_DGRAM', '--seqpacket': 'SOCK_SEQPACKET' };
      const type = types[options[0] ?? ''] ?? 'SOCK_STREAM';
      const script = `use Socket; socket(S, AF_UNIX, ${type}, 0); $ARGV[0] =~ s/^@/\\0/; connect(S, sockaddr_un($ARGV[0])) or die; send(S, "x", 0); sleep 1`;
      spawn('perl', ['-e', script, address]);
    }
    const [status] = (await once(child, 'close')) as [number];
    expect(status).toBe(2);
    expect(output()).toContain('cannot listen on systemd:unknown: expected a');
    expect(output()).toContain(message);
  });

  it.each([
    ['an abstract name', '\0xtokend-test'],
    ['no name', ''],
  ])('are refused where they have %s instead of a file', (_, name) => {
    const script = `
      use Socket; use POSIX;
      # Up to this number descriptors stay open for the next program.
      $^F = 9;
      my ($name, @command) = @ARGV;
      socket(S, AF_UNIX, SOCK_STREAM, 0) or die;
      # An address of the family alone has the kernel choose an abstract name (unix(7)).
      bind(S, $name eq "" ? pack("S", AF_UNIX) : sockaddr_un("\\0" . $name)) or die $!;
      listen(S, 5) or die;
      POSIX::dup2(fileno(S), 3);
      @ENV{qw(LISTEN_PID LISTEN_FDS)} = ($$, 1);
      exec(@command);`;
    const { status, stderr } = spawnSync('perl', ['-e', script, name.slice(1), ...xtokend()], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(status).toBe(2);
    expect(stderr).toContain(
      'found one without a file (ListenStream=@name), which any user of this machine can',
    );
  });

  it('are refused where they are not open at all', () => {
    const script = `LISTEN_PID=$$ LISTEN_FDS=1 exec ${xtokend().join(' ')} </dev/null 3</dev/null`;
    const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain('expected a listening Unix socket');
  });

  it(
    'lose no request over 20 restarts under load, and nothing is accepted twice',
    { timeout: 120_000 },
    async () => {
      const { paths, options } = socketsIn(temporaryDirectory(), 'generic');
      const [path = ''] = paths;
      const { child, output } = await activate(options, [HOLDER, ...xtokend()]);
      const count = (text: string): number => output().split(text).length - 1;
      const tally = await logInDuring(path, async () => {
        for (let restart = 1; restart <= 20; restart += 1) {
          // As systemd does with Type=notify.
          await expect.poll(() => count('info listening')).toBe(restart);
          await sleep(100);
          child.kill('SIGUSR1');
          await expect.poll(() => count('ended with 0')).toBe(restart);
        }
        await sleep(300);
      });
      // None was lost, or logInDuring() would not have come to its end.
      expect(tally.no).toEqual([]);
      expect(tally.yes.length).toBeGreaterThan(500);
      // At the most the one request of each connection that was under way.
      expect(tally.askedAgain.length).toBeLessThanOrEqual(20 * 8);
      expect(await countAccepted(path, tally.yes)).toBe(0);
      expect(existsSync(path)).toBe(true);
      process.stderr.write(
        `20 restarts: ${tally.yes.length} logins, ${tally.askedAgain.length} had to be asked again\n`,
      );
    },
  );
});
