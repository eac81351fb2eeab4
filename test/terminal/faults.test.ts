import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { hasLpty, openLpty } from '../support/lpty.js';
import { NODE } from '../support/node.js';
import { survivorsOf } from '../support/processes.js';
import { requirePackage } from '../support/requirement.js';
import { brokenInstallation, CONFIGURATION, expectInStep, fakeLogger, KNOWN } from '../support/terminal.js';
import { PROGRAM } from '../support/xtokend.js';

describe('on the terminal of lpty', () => {
  beforeEach((context) => {
    requirePackage(context, hasLpty(), 'lua5.2 and lua-lpty');
  });

  it('requests are refused at once where there is no Node, until there is one', async () => {
    const { directory, env, expectLogged } = fakeLogger();
    const tools = ['sh', 'stty', 'cat', 'dd', 'grep', 'readlink', 'sleep', 'timeout'];
    for (const tool of tools) symlinkSync(`/bin/${tool}`, join(directory, tool));
    const harness = openLpty(PROGRAM, {
      ...env,
      PATH: `${directory}:${env['PATH']?.split(':')[0] ?? ''}`,
    });
    await harness.ask(KNOWN, 0.5);
    // What comes before the terminal is emptied is never answered.
    await sleep(500);
    expect(await harness.ask(KNOWN)).toBe('refused');
    expect(await harness.ask(KNOWN)).toBe('refused');
    await expectLogged("there is no 'node' in PATH");
    symlinkSync(NODE, join(directory, 'node'));
    for (let tries = 0; tries < 20 && (await harness.ask(KNOWN)) !== 'accepted'; tries += 1) await sleep(500);
    await expectInStep(harness);
  });

  it('requests are refused at once where the installation is broken, and the log says how to see why', async () => {
    const { directory, env, expectLogged } = fakeLogger();
    const harness = openLpty(brokenInstallation(directory), env);
    await harness.ask(KNOWN, 0.5);
    await sleep(1500);
    expect(await harness.ask(KNOWN)).toBe('refused');
    expect(await harness.ask(KNOWN)).toBe('refused');
    await expectLogged('every login is refused');
    await expectLogged('To see why, run as this user: node ');
    expect(await survivorsOf([harness.pid], 0)).toEqual([harness.pid]);
  });

  it.each(['missing', 'broken'])(
    'a configuration that is %s refuses, and a good one is taken up',
    async (state) => {
      const { directory, env, expectLogged } = fakeLogger();
      const config = join(directory, 'xtokend.toml');
      if (state === 'broken') writeFileSync(config, 'otp_seed = ');
      const harness = openLpty(PROGRAM, { ...env, XTOKEND_CONFIG: config });
      await harness.ask(KNOWN, 0.5);
      while ((await harness.ask(KNOWN)) !== 'refused') await sleep(100);
      expect(await harness.ask(KNOWN)).toBe('refused');
      await expectLogged('no valid configuration; refusing all requests: ');
      writeFileSync(config, CONFIGURATION);
      await expectInStep(harness);
    },
  );

  it('--protocol ejabberd is refused, with the reason in the log', async () => {
    const { directory, env, expectLogged } = fakeLogger();
    const program = join(directory, 'with-arguments');
    writeFileSync(program, `#!/bin/sh\nexec ${PROGRAM} --protocol ejabberd\n`, { mode: 0o755 });
    const harness = openLpty(program, env);
    await harness.ask(KNOWN, 1);
    await expectLogged('--protocol ejabberd cannot work on a terminal');
    expect(await harness.perform('read 0.1')).toBe('nothing');
  });
});
