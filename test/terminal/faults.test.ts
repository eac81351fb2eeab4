import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { NODE } from '../support/run/node.js';
import { survivorsOf } from '../support/system/processes.js';
import { PROGRAM } from '../support/xtokend.js';
import {
  brokenInstallation,
  CONFIGURATION,
  expectOwnAnswers,
  fakeLogger,
  KNOWN,
  openTerminal,
  requireLpty,
  startRefusing,
} from './support.js';

describe('on a terminal of lpty', () => {
  beforeEach(requireLpty);

  it('requests are refused at once if Node is missing, until it is installed', async () => {
    const { directory, env, expectLogged } = fakeLogger();
    const tools = ['sh', 'stty', 'cat', 'dd', 'grep', 'readlink', 'sleep', 'timeout'];
    for (const tool of tools) symlinkSync(`/bin/${tool}`, join(directory, tool));
    const harness = openTerminal({ ...env, PATH: `${directory}:${env['PATH']?.split(':')[0] ?? ''}` });
    await startRefusing(harness);
    expect(await harness.ask(KNOWN)).toBe('refused');
    await expectLogged("there is no 'node' in PATH");
    symlinkSync(NODE, join(directory, 'node'));
    await expect.poll(() => harness.ask(KNOWN), { interval: 500 }).toBe('accepted');
    await expectOwnAnswers(harness);
  });

  it('requests are refused at once if the bundle is broken, and the log names the command that shows why', async () => {
    const { directory, env, expectLogged } = fakeLogger();
    const harness = openTerminal(env, brokenInstallation(directory));
    await startRefusing(harness);
    expect(await harness.ask(KNOWN)).toBe('refused');
    await expectLogged('every login is refused');
    await expectLogged('To see why, run as this user: node ');
    expect(await survivorsOf([harness.pid], 0)).toEqual([harness.pid]);
  });

  it.each(['missing', 'invalid'])(
    'a configuration that is %s refuses all requests, until a valid one is applied',
    async (state) => {
      const { directory, env, expectLogged } = fakeLogger();
      const config = join(directory, 'xtokend.toml');
      if (state === 'invalid') writeFileSync(config, 'otp_seed = ');
      const harness = openTerminal({ ...env, XTOKEND_CONFIG: config });
      await startRefusing(harness);
      expect(await harness.ask(KNOWN)).toBe('refused');
      await expectLogged('no valid configuration; refusing all requests: ');
      writeFileSync(config, CONFIGURATION);
      await expectOwnAnswers(harness);
    },
  );

  it('--protocol ejabberd is refused, with the reason in the log', async () => {
    const { directory, env, expectLogged } = fakeLogger();
    const program = join(directory, 'with-arguments');
    writeFileSync(program, `#!/bin/sh\nexec ${PROGRAM} --protocol ejabberd\n`, { mode: 0o755 });
    const harness = openTerminal(env, program);
    await harness.ask(KNOWN, 1);
    await expectLogged('needs the generic protocol: remove --protocol');
    expect(await harness.perform('read 0.1')).toBe('nothing');
  });
});
