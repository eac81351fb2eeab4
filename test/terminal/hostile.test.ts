import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFile } from '../support/directory.js';
import { hasLpty, openLpty } from '../support/lpty.js';
import { descendantsOf, findProgram, survivorsOf } from '../support/processes.js';
import { requireScript } from '../support/programs.js';
import { requirePackage } from '../support/requirement.js';
import {
  brokenInstallation,
  CONFIGURATION,
  environment,
  expectInStep,
  fakeLogger,
  KNOWN,
} from '../support/terminal.js';
import { PROGRAM, xtokend } from '../support/xtokend.js';

/** Whether a process has a handler for SIGTERM (proc(5), `SigCgt`). */
function catchesSigterm(pid: number): boolean {
  const caught = /SigCgt:\s*([0-9a-f]+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${caught}`) & (1n << 14n)) !== 0n;
}

/** Puts a program of ours in the place of one that the supervisor uses. */
function fake(directory: string, name: string, script: string): NodeJS.ProcessEnv {
  const bin = join(directory, `fake-${name}`);
  mkdirSync(bin);
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
}

describe('on the terminal of lpty', () => {
  beforeEach((context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
  });

  it.each(['1', '20', '80', 'wide'])('the terminal is recognised with COLUMNS=%s', async (columns) => {
    const harness = openLpty(PROGRAM, { ...environment(), COLUMNS: columns });
    await harness.warmUp();
    expect(findProgram(descendantsOf(harness.pid), 'sh')).toBeGreaterThan(0);
    await expectInStep(harness);
  });

  it.each([
    ['cannot be read', 'stty', 'case $1 in -a) kill -KILL $$ ;; *) exec /bin/stty "$@" ;; esac'],
    ['cannot be set', 'stty', 'case $1 in -a) exec /bin/stty -a ;; *) exit 1 ;; esac'],
    ['cannot be emptied', 'cat', 'exit 1'],
  ])('a terminal that %s gets no wrong answer, and the process ends with 0', async (state, name, script) => {
    const { directory, env } = fakeLogger();
    const harness = openLpty(PROGRAM, { ...env, ...fake(directory, name, script) });
    if (state === 'cannot be read') {
      // Taken for one that another program drives.
      await harness.warmUp();
      await expectInStep(harness);
      return;
    }
    for (let asked = 0; asked < 3; asked += 1)
      expect(await harness.ask(KNOWN, 0.5)).toMatch(/^silent|^garbled 2/);
  });

  it.each(['/dev/stdout', '/dev/stderr', '/dev/stdin', '/dev/tty', '/proc/self/fd/3'])(
    'a log that is sent to %s does not stand among the answers',
    async (target) => {
      const { env, expectLogged } = fakeLogger();
      const config = temporaryFile(`${CONFIGURATION}[log]\ntarget = "file:${target}"\n`);
      const harness = openLpty(PROGRAM, { ...env, XTOKEND_CONFIG: config });
      await harness.warmUp();
      await expectInStep(harness);
      if (!['/dev/stdout', '/dev/stderr'].includes(target)) await expectLogged('log write failed');
    },
  );

  it('a supervisor that refuses, and was stopped, says nothing late', async () => {
    const { directory, env } = fakeLogger();
    const harness = openLpty(brokenInstallation(directory), env);
    await harness.ask(KNOWN, 0.5);
    await sleep(2000);
    expect(await harness.ask(KNOWN)).toBe('refused');
    const supervisor = findProgram(descendantsOf(harness.pid), 'sh');
    process.kill(supervisor, 'SIGSTOP');
    for (let asked = 0; asked < 3; asked += 1)
      expect(await harness.ask(`${KNOWN}${'m'.repeat(900)}`, 0.7)).toBe('silent');
    process.kill(supervisor, 'SIGCONT');
    // As long as the server does not wait, nothing is to be answered.
    await sleep(1500);
    expect(await harness.perform('read 0')).toBe('nothing');
    expect(await harness.ask(KNOWN)).toBe('refused');
    expect(await harness.perform('read 0.2')).toBe('nothing');
  });

  it('SIGTERM ends it with 0 at any moment from its first line on', async () => {
    for (let start = 0; start < 15; start += 1) {
      const harness = openLpty(PROGRAM, environment());
      await harness.perform('raw 0a');
      const ours = descendantsOf(harness.pid);
      await sleep(start);
      const [supervisor] = ours;
      if (supervisor === undefined) throw new Error('expected the process that was just started');
      while (!catchesSigterm(supervisor)) await sleep(1);
      process.kill(supervisor, 'SIGTERM');
      expect(await survivorsOf(ours, 10_000)).toEqual([]);
      // After any other end the module would start nothing again.
      expect(await harness.ask(KNOWN, 0.1)).not.toBe('dead');
    }
  });
});

describe('on a raw terminal', () => {
  it('a command does what it does elsewhere', (context) => {
    requireScript(context);
    const commands = `stty raw -echo; ${PROGRAM} verify alice@example.com nothing --config ${temporaryFile(CONFIGURATION)}; echo "status $?"`;
    const { stdout } = xtokend(['-qec', commands, '/dev/null'], { program: 'script' });
    expect(stdout).toContain('this is not a token');
    expect(stdout).toContain('status 1');
  });
});
