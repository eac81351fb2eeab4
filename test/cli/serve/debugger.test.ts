import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask } from '../../support/daemon/requests.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { openPortsOf } from '../../support/system/ports.js';
import { waitForHandler } from '../../support/system/processes.js';
import { PROGRAM } from '../../support/xtokend.js';

const BUNDLE = resolve('dist/xtokend.cjs');
const REQUEST = 'isuser:alice:example.com\n';
const [SIGHUP, SIGUSR1] = [1, 10];
/** Longer than any interval at which a process could check its debugger. */
const STALL_MILLISECONDS = 1100;

describe('the debugger of Node', () => {
  it('never opens on sockets, however early SIGUSR1 comes', async () => {
    const socket = join(temporaryDirectory(), 'socket');
    const { child, log } = await startStalled(PROGRAM, ['serve', '--listen', `unix:${socket}`]);
    await expect.poll(log).toContain('info listening');
    expect(await ask(socket, REQUEST)).toBe('1\n');
    expect(openPortsOf(child.pid ?? 0)).toEqual([]);
    expect(log()).not.toContain('Debugger listening');
  });

  it('never opens on stdin, however early SIGUSR1 comes', async () => {
    const { child, log } = await startStalled(PROGRAM);
    await expectAnswer(child);
    expect(openPortsOf(child.pid ?? 0)).toEqual([]);
    expect(log()).not.toContain('Debugger listening');
  });

  it('never opens if the environment asks for it', async () => {
    const { child, log } = start(PROGRAM, [], { NODE_OPTIONS: '--inspect=0' });
    await expectAnswer(child);
    expect(openPortsOf(child.pid ?? 0)).toEqual([]);
    expect(log()).not.toContain('Debugger listening');
  });

  it('is closed again if Node was started without the launcher', async () => {
    const { child } = await startStalled('node', [BUNDLE]);
    await expectAnswer(child);
    expect(openPortsOf(child.pid ?? 0)).toEqual([]);
  });

  it('writes no core dump, which would hold the secrets', async () => {
    const { child } = start(PROGRAM, []);
    await expectAnswer(child);
    const limits = readFileSync(`/proc/${child.pid ?? 0}/limits`, 'utf8');
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
  });

  it('stays open if the command line of Node asks for it', async () => {
    const { child } = start('node', ['--inspect=0', BUNDLE]);
    await expectAnswer(child);
    expect(openPortsOf(child.pid ?? 0)).toHaveLength(1);
  });
});

interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  readonly log: () => string;
}

/**
 * Starts a program, sends SIGUSR1 before the first line of xtokend runs, and stalls the process between that line and
 * the first iteration of its event loop. Node opens its debugger for that signal at once, and again in that iteration.
 */
async function startStalled(program: string, args: string[] = []): Promise<Started> {
  const started = start(program, args);
  const { child } = started;
  // Without any delay: the start takes only a few dozen milliseconds.
  waitForHandler(child.pid ?? 0, SIGUSR1);
  child.kill('SIGUSR1');
  waitForHandler(child.pid ?? 0, SIGHUP);
  child.kill('SIGSTOP');
  await sleep(STALL_MILLISECONDS);
  child.kill('SIGCONT');
  return started;
}

function start(program: string, args: string[], extra: NodeJS.ProcessEnv = {}): Started {
  const env = { PATH: process.env['PATH'], XTOKEND_CONFIG: temporaryFile(SECRETS), ...extra };
  const child = spawn(program, args, { env });
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString()));
  return { child, log: () => log };
}

async function expectAnswer({ stdin, stdout }: ChildProcessWithoutNullStreams): Promise<void> {
  const answered = once(stdout, 'data') as Promise<[Buffer]>;
  stdin.write(REQUEST);
  expect(String((await answered)[0])).toBe('1\n');
}
