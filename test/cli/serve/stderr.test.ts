import { execFileSync, spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collectLog } from '../../support/run/collected-logs.js';
import { openFifo } from '../../support/system/fifo.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { OTHER_USER, passableDirectory, requireRoot } from '../../support/system/other-user.js';
import { end } from '../../support/system/processes.js';
import { requireScript } from '../../support/run/requirements.js';
import { PROGRAM } from '../../support/xtokend.js';

/** Lines of each writer: 2,000 exceed the buffer of a pipe or a socket. */
const FEW = 200;
const MANY = 2000;

/** Runs xtokend as a child of a server with the same stderr. */
const PARENT = `
  exec 3<&0
  "$1" --config "$2" <&3 3<&- &
  exec 3<&-
  while [ $((i += 1)) -le "$3" ]; do echo "server $i" >&2; done
  wait $!
  status=$?`;
/** Writes lines while xtokend starts and answers, and one after it has exited. */
const SERVER = `${PARENT}; echo "server $i" >&2; exit $status`;

interface Running {
  readonly child: ChildProcess;
  readonly stderr: Readable | null;
  /** Sends requests. @returns when all are answered */
  readonly ask: (count: number) => Promise<void>;
  /** Closes stdin. @returns the exit code */
  readonly end: () => Promise<number | null>;
}

interface Settings {
  readonly serverLines?: number;
  readonly log?: string;
  readonly uid?: number;
  readonly config?: string;
  /** Replaces {@link SERVER}; gets the same arguments. */
  readonly script?: string;
}

function start(stderr: number | 'pipe', settings: Settings = {}): Running {
  const { serverLines = 0, log = '', uid, script = SERVER } = settings;
  const config = settings.config ?? temporaryFile(`${SECRETS}${log}`);
  const stdio: StdioOptions = ['pipe', 'pipe', stderr];
  const child = spawn('sh', ['-c', script, 'sh', PROGRAM, config, String(serverLines)], {
    stdio,
    env: { PATH: process.env['PATH'], STATE_DIRECTORY: process.env['STATE_DIRECTORY'] },
    ...(uid === undefined ? {} : { uid, gid: uid, cwd: '/' }),
  });
  onTestFinished(() => end(child));
  const [stdin, stdout] = [child.stdin ?? new Writable(), child.stdout ?? new Readable()];
  let answered = 0;
  let asked = 0;
  stdout.on('data', (data: Buffer) => (answered += data.length / 2));
  return {
    child,
    stderr: child.stderr,
    ask: async (count) => {
      for (const last = asked + count; asked < last; asked += 1) stdin.write(`isuser:u${asked}:b\n`);
      await expect.poll(() => answered, { interval: 5 }).toBe(asked);
    },
    end: async () => {
      const exit = once(child, 'exit');
      stdin.end();
      const [status] = (await exit) as [number | null];
      return status;
    },
  };
}

/** Expects every line of both writers once, and otherwise only the line `started`. */
function expectLines(text: string, requests: number, serverLines: number): void {
  collectLog(text);
  const lines = text.split('\n');
  const numbers = (pattern: RegExp): number[] =>
    lines.flatMap((line) => pattern.exec(line)?.[1] ?? []).map(Number);
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
  expect(numbers(/^\S+Z info accepted operation="isuser" jid="u(\d+)@b" .* ms=[0-9.]+$/)).toEqual(
    upTo(requests),
  );
  expect(numbers(/^server (\d+)$/)).toEqual(upTo(serverLines).map((number) => number + 1));
  expect(lines.filter((line) => !/^server \d+$|Z info accepted .* ms=[0-9.]+$/.test(line))).toEqual([
    expect.stringMatching(/^\d{4}-\S+Z info started version=/),
    '',
  ]);
}

function collected(stream: Readable | null): () => string {
  let text = '';
  stream?.on('data', (data: Buffer) => (text += data.toString()));
  return () => text;
}

describe('stderr', () => {
  it.each([
    ['truncated', 'w', ''],
    ['opened for appending', 'a', ''],
    ['truncated, and logged to as file:/dev/stderr', 'w', '[log]\ntarget = "file:/dev/stderr"\n'],
    ['truncated, and logged to by another path', 'w', '[log]\ntarget = "file:/proc/self/fd/2"\n'],
  ])('keeps every line of both writers in a file that was %s', async (_, flags, log) => {
    const path = join(temporaryDirectory(), 'out.log');
    const file = openSync(path, flags);
    const running = start(file, { serverLines: FEW, log });
    closeSync(file);
    await running.ask(FEW);
    expect(await running.end()).toBe(0);
    expectLines(readFileSync(path, 'utf8'), FEW, FEW + 1);
  });

  it('keeps every line of both writers in a pipe that is read late, without delaying answers', async (context) => {
    requireScript(context);
    const { writer, read } = openFifo();
    const running = start(writer, { serverLines: MANY });
    closeSync(writer);
    for (let asked = 0; asked < MANY; asked += FEW) await running.ask(FEW);
    await expect.poll(read, { interval: 5 }).toMatch(/jid="u1999@b".*\n/);
    await expect.poll(read, { interval: 5 }).toContain('server 2000\n');
    expect(await running.end()).toBe(0);
    expectLines(read(), MANY, MANY + 1);
  });

  it('keeps every line of both writers in a socket that is read late, without delaying answers', async () => {
    // Node.js creates a socket for 'pipe'.
    const running = start('pipe', { serverLines: MANY * 10 });
    for (let asked = 0; asked < MANY; asked += FEW) await running.ask(FEW);
    const text = collected(running.stderr);
    await expect.poll(text).toMatch(/jid="u1999@b".*\n/);
    await expect.poll(text).toContain('server 20000\n');
    expect(await running.end()).toBe(0);
    await expect.poll(text).toContain('server 20001\n');
    expectLines(text(), MANY, MANY * 10 + 1);
  });

  it('keeps every line in its own socket that is read late, without delaying answers', async () => {
    const running = start('pipe', { script: 'exec "$1" --config "$2"' });
    for (let asked = 0; asked < MANY; asked += FEW) await running.ask(FEW);
    const text = collected(running.stderr);
    await expect.poll(text).toMatch(/jid="u1999@b".*\n/);
    expect(await running.end()).toBe(0);
    expectLines(text(), MANY, 0);
  });

  it('keeps every line of both writers in a pipe of another user, without delaying answers', async (context) => {
    requireRoot(context);
    const config = join(passableDirectory(), 'xtokend.toml');
    writeFileSync(config, `${SECRETS}[replay]\nstore = "memory"\n`);
    chmodSync(config, 0o644);
    const { writer, read } = openFifo();
    const running = start(writer, { serverLines: MANY, uid: OTHER_USER, config });
    closeSync(writer);
    for (let asked = 0; asked < MANY; asked += FEW) await running.ask(FEW);
    await expect.poll(read, { interval: 5 }).toMatch(/jid="u1999@b".*\n/);
    await expect.poll(read, { interval: 5 }).toContain('server 2000\n');
    expect(await running.end()).toBe(0);
    const warning = /^\S+Z warning configuration file writable by another user .*\n/gm;
    expectLines(read().replace(warning, ''), MANY, MANY + 1);
  });

  it('exits with its server even if nobody reads the socket', async () => {
    const running = start('pipe', { script: `${PARENT}; exit $status` });
    for (let asked = 0; asked < MANY * 2; asked += FEW) await running.ask(FEW);
    // It kills itself, because Node.js would wait for the write.
    expect(await running.end()).toBe(128 + 9);
  });

  it.each(['pipe', 'socket'])(
    'continues to answer after the reader of the %s has closed it',
    async (kind) => {
      const { writer, closeReader } = openFifo();
      const running = start(kind === 'pipe' ? writer : 'pipe', { script: `${PARENT}; exit $status` });
      closeSync(writer);
      await running.ask(FEW);
      closeReader();
      if (running.stderr instanceof Socket) running.stderr.destroy();
      for (let asked = 0; asked < MANY; asked += FEW) await running.ask(FEW);
      expect(await running.end()).toBe(0);
    },
  );

  it.each([
    ['is closed', 'exec "$1" --config "$2" 2>&-'],
    ['is full', 'exec "$1" --config "$2" 2>/dev/full'],
    ['is /dev/null', 'exec "$1" --config "$2" 2>/dev/null'],
  ])('delays no answer if it %s', async (_, script) => {
    const running = start('pipe', { script });
    for (let asked = 0; asked < MANY; asked += FEW) await running.ask(FEW);
    expect(await running.end()).toBe(0);
  });

  it('keeps every line on a terminal stopped with Ctrl-S, without delaying answers', async (context) => {
    requireScript(context);
    const directory = temporaryDirectory();
    const [requests, answers] = [join(directory, 'requests'), join(directory, 'answers')];
    execFileSync('mkfifo', [requests]);
    const input = openSync(requests, 'r+');
    // script(1) gives the program a terminal.
    const command = `echo ready >&2; exec ${PROGRAM} --config ${temporaryFile(SECRETS)} <${requests} >${answers}`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { PATH: process.env['PATH'], STATE_DIRECTORY: process.env['STATE_DIRECTORY'], SHELL: '/bin/sh' },
    });
    onTestFinished(() => end(child));
    onTestFinished(() => {
      closeSync(input);
    });
    const screen = collected(child.stdout);
    const ask = async (from: number, to: number): Promise<void> => {
      for (let user = from; user < to; user += 1) writeFileSync(input, `isuser:u${user}:b\n`);
      await expect.poll(() => readFileSync(answers, 'utf8').length).toBe(to * 2);
    };
    await expect.poll(screen).toContain('ready');
    await ask(0, 1);
    await expect.poll(screen).toContain('jid="u0@b"');
    child.stdin.write('\x13');
    for (let asked = 1; asked < FEW; asked += 20) await ask(asked, Math.min(asked + 20, FEW));
    expect(screen()).not.toContain('jid="u199@b"');
    child.stdin.write('\x11');
    await expect.poll(screen).toMatch(/jid="u199@b".*\r\n/);
    expectLines(screen().replaceAll('\r', '').replace('ready\n', ''), FEW, 0);
  });
});
