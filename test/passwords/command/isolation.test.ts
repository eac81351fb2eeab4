import { build } from 'esbuild';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/directory.js';
import { NODE } from '../../support/run/node.js';
import { isRunning, sh, Subject } from './subject.js';

const SOURCE = fileURLToPath(new URL('../../../src/passwords/command/command-backend.ts', import.meta.url));

interface Started {
  readonly directory: string;
  readonly status: number | null;
  readonly read: (name: string) => string;
}

/** Runs a process that asks a script, and inherits descriptors 3 (a socket), 9 and 20 (a file), and 40 (a socket). */
async function runDaemon(script: string, after: string): Promise<Started> {
  const directory = temporaryDirectory();
  await build({
    entryPoints: [SOURCE],
    bundle: true,
    platform: 'node',
    outfile: join(directory, 'b.cjs'),
    logLevel: 'error',
  });
  const main = join(directory, 'main.cjs');
  const settings = { kind: 'command', command: sh(script), protocol: 'generic', processes: 1 };
  writeFileSync(
    main,
    `process.chdir(__dirname);
    const { openCommandBackend } = require('./b.cjs');
    const backend = openCommandBackend(${JSON.stringify(settings)}, { env: { ...process.env, OUT: 'no' } });
    backend.verify({ user: __dirname.slice(1), host: 'h', password: 'x' }, AbortSignal.timeout(30_000)).then((result) => {
      if (result !== 'wrong') process.exit(9);
      ${after}
    });`,
  );
  const file = openSync(main, 'r');
  const extra = Array.from({ length: 38 }, (_, index) => {
    const descriptor = index + 3;
    if (descriptor === 3 || descriptor === 40) return 'pipe';
    return descriptor === 9 || descriptor === 20 ? file : 'ignore';
  });
  const child = spawn(NODE, [main], { stdio: ['ignore', 'ignore', 'inherit', ...extra] });
  closeSync(file);
  const [status] = (await once(child, 'exit')) as [number | null];
  return { directory, status, read: (name) => readFileSync(join(directory, name), 'utf8') };
}

/** The user of the request is the directory for the output. */
const READ = 'IFS=: read -r operation out host password; out=/$out;';
const STAY = 'echo 0; while :; do sleep 1; done';

describe('the program', () => {
  it('inherits no descriptors but stdin, stdout and stderr', async (context) => {
    if (process.platform !== 'linux') context.skip('only Linux has /proc');
    const { status, read } = await runDaemon(`${READ} ls -l /proc/self/fd >$out/list; echo 0`, '');
    expect(status).toBe(0);
    const open = [...read('list').matchAll(/ (\d+) -> (.+)$/gm)].map((match) => match.slice(1));
    expect(open).toContainEqual(['2', '/dev/null']);
    for (const [descriptor, file] of open.filter(([descriptor]) => Number(descriptor) > 2)) {
      // ls reads the directory.
      expect.soft(file, descriptor).toMatch(/^\/dev\/null$|^\/proc\/\d+\/fd$/);
    }
  });

  it('does not outlive a daemon that exits, with what it has started', async () => {
    const script = `${READ} sleep 1000 & echo $! $$ >$out/pids; ${STAY}`;
    const { status, read } = await runDaemon(script, 'process.exit(0);');
    expect(status).toBe(0);
    for (const pid of read('pids').trim().split(' ').map(Number))
      await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it('does not keep the daemon alive while nothing is asked', async () => {
    const { status, read } = await runDaemon(`${READ} echo $$ >$out/pid; ${STAY}`, '');
    expect(status).toBe(0);
    await expect.poll(() => isRunning(Number(read('pid')))).toBe(false);
  });

  it('gets only variables about the machine and the user, and runs in /', async () => {
    let text = '';
    const subject = new Subject(
      sh('{ pwd; umask; ulimit -c; env; } >&2; read -r line; echo 0'),
      {},
      {
        env: {
          PATH: '/usr/bin:/bin',
          HOME: '/home/x',
          LANG: 'C',
          LC_ALL: 'C',
          LC_TIME: 'C',
          TZ: 'UTC',
          USER: 'x',
          LOGNAME: 'x',
          NOTIFY_SOCKET: 'secret',
          LISTEN_FDS: 'secret',
          LISTEN_PID: 'secret',
          CREDENTIALS_DIRECTORY: 'secret',
          XTOKEND_CONFIG: 'secret',
          NODE_OPTIONS: 'secret',
          LD_PRELOAD: 'secret',
          PATHS: 'secret',
          MY_HOME: 'secret',
        },
        onStderr: (bytes) => (text += bytes.toString()),
      },
    );
    expect(await subject.verify('x')).toBe('wrong');
    await subject.backend.close();
    expect(text).not.toContain('secret');
    const [directory, umask] = text.split('\n');
    expect(directory).toBe('/');
    expect(umask).toBe(execFileSync('/bin/sh', ['-c', 'umask'], { encoding: 'utf8' }).trim());
    for (const name of ['PATH', 'HOME', 'LANG', 'LC_ALL', 'LC_TIME', 'TZ', 'USER', 'LOGNAME']) {
      expect(text).toContain(`\n${name}=`);
    }
  });
});
