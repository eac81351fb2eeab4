import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFile } from '../support/directory.js';
import { requireScript } from '../support/run/requirements.js';
import { PROGRAM, xtokend } from '../support/xtokend.js';
import {
  brokenInstallation,
  CONFIGURATION,
  environment,
  expectOwnAnswers,
  fakeLogger,
  KNOWN,
  openTerminal,
  requireLpty,
  startOnTerminal,
  startRefusing,
} from './support.js';

/** Replaces a program that the supervisor uses. */
function fake(directory: string, name: string, script: string): NodeJS.ProcessEnv {
  const bin = join(directory, `fake-${name}`);
  mkdirSync(bin);
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
}

describe('on a terminal of lpty', () => {
  beforeEach(requireLpty);

  it.each(['1', '20', '80', 'wide'])('xtokend starts its supervisor with COLUMNS=%s', async (columns) => {
    const harness = await startOnTerminal({ ...environment(), COLUMNS: columns });
    expect(harness.supervisor).toBeGreaterThan(0);
    await expectOwnAnswers(harness);
  });

  it('xtokend starts its supervisor if it cannot read the settings of the terminal', async () => {
    const { directory, env } = fakeLogger();
    const stty = fake(directory, 'stty', 'case $1 in -a) kill -KILL $$ ;; *) exec /bin/stty "$@" ;; esac');
    const harness = await startOnTerminal({ ...env, ...stty });
    expect(harness.supervisor).toBeGreaterThan(0);
    await expectOwnAnswers(harness);
  });

  it.each([
    ['set', 'stty', 'case $1 in -a) exec /bin/stty -a ;; *) exit 1 ;; esac'],
    ['drained', 'cat', 'exit 1'],
  ])('a terminal that cannot be %s gets no answer, and xtokend exits with 0', async (_, name, script) => {
    const { directory, env } = fakeLogger();
    const harness = openTerminal({ ...env, ...fake(directory, name, script) });
    // After any other status the module would report "dead". 25 or 26 characters are the echo of the request.
    for (let asked = 0; asked < 3; asked += 1)
      expect(await harness.ask(KNOWN, 0.5)).toMatch(/^silent|^garbled 2/);
  });

  it.each(['/dev/stdout', '/dev/stderr', '/dev/stdin', '/dev/tty', '/proc/self/fd/3'])(
    'a log at %s writes nothing among the answers',
    async (target) => {
      const { env, expectLogged } = fakeLogger();
      const config = temporaryFile(`${CONFIGURATION}[log]\ntarget = "file:${target}"\n`);
      const harness = await startOnTerminal({ ...env, XTOKEND_CONFIG: config });
      await expectOwnAnswers(harness);
      if (!['/dev/stdout', '/dev/stderr'].includes(target)) await expectLogged('log write failed');
    },
  );

  it('a supervisor that refuses all requests sends no late answer after it was stopped', async () => {
    const { directory, env } = fakeLogger();
    const harness = openTerminal(env, brokenInstallation(directory));
    await startRefusing(harness);
    const { supervisor } = harness;
    process.kill(supervisor, 'SIGSTOP');
    for (let asked = 0; asked < 3; asked += 1)
      expect(await harness.ask(`${KNOWN}${'m'.repeat(900)}`, 0.7)).toBe('silent');
    process.kill(supervisor, 'SIGCONT');
    // While the server does not wait, no answer may be written.
    await sleep(1500);
    expect(await harness.perform('read 0')).toBe('nothing');
    expect(await harness.ask(KNOWN)).toBe('refused');
    expect(await harness.perform('read 0.2')).toBe('nothing');
  });
});

describe('on a raw terminal', () => {
  it('a command prints and exits as on any other terminal', (context) => {
    requireScript(context);
    const commands = `stty raw -echo; ${PROGRAM} verify alice@example.com nothing --config ${temporaryFile(CONFIGURATION)}; echo "status $?"`;
    const { stdout } = xtokend(['-qec', commands, '/dev/null'], { program: 'script' });
    expect(stdout).toContain('this is not a token');
    expect(stdout).toContain('status 1');
  });
});
