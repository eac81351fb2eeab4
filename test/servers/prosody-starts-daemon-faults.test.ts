import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { requirePackage } from '../support/run/requirements.js';
import { isInstalled, releases } from '../support/servers/prosody.js';
import { commandWith, connectOften, Starter, targetsOf } from '../support/servers/prosody-starter.js';
import { PROGRAM } from '../support/xtokend.js';
import { CONFIGURATION, UNAVAILABLE } from './logins.js';

describe.each(releases)('$name that cannot start xtokend', (release) => {
  beforeEach((context) => {
    requirePackage(context, isInstalled(release), release.name);
  });

  const environment = (): NodeJS.ProcessEnv => ({ XTOKEND_CONFIG: temporaryFile(CONFIGURATION) });

  it('starts it again when Prosody has descriptors again', { timeout: 60_000 }, async () => {
    const options = { env: environment(), descriptorLimit: 100 };
    const starter = await Starter.start(release, `xtoken_command = "${PROGRAM}"`, options);
    const first = await starter.daemon();
    const clients = connectOften(starter.prosody.c2sPort, 120);
    await sleep(500);
    process.kill(first, 'SIGKILL');
    const expected = /cannot start xtokend in .*: Too many open files\. Raise the limit/;
    await starter.error(expected);
    await sleep(2000);
    // Not once for each attempt. With the last descriptors, an xtokend may have been started that has too few itself.
    const errors = (await starter.error(expected)).split('\n').map((line) => line.split('\t').at(-1));
    expect(new Set(errors).size).toBe(errors.length);
    expect(errors.length).toBeLessThanOrEqual(2);
    for (const client of clients) client.destroy();
    await starter.daemon(first);
    await starter.expectLogin();
    expect(
      targetsOf(await starter.daemon()).filter((target) => target.startsWith('socket:')).length,
    ).toBeLessThan(5);
  });

  it.each<[string, (directory: string) => string, RegExp]>([
    [
      'there is no program',
      () => 'xtoken_command = "/no/such/xtokend"',
      /expected a program that the user of Prosody may run, found none at \/no\/such\/xtokend\. Correct the path/,
    ],
    [
      'the program is not executable',
      (directory) => {
        writeFileSync(join(directory, 'xtokend'), '#!/bin/sh\n', { mode: 0o644 });
        return `xtoken_command = "${directory}/xtokend"`;
      },
      /expected a program that the user of Prosody may run, found none at .*\/xtokend/,
    ],
    [
      'the program fails',
      () => 'xtoken_command = "/bin/false"',
      /xtokend has ended before it was ready\. To see why, run this as the user of Prosody: '\/bin\/false' serve --listen/,
    ],
    [
      'an option is unknown',
      () => `xtoken_command = { "${PROGRAM}", "--nonsense" }`,
      /xtokend: error: unknown option '--nonsense'/,
    ],
    [
      'there is no configuration',
      () => commandWith('/no/such/xtokend.toml'),
      /xtokend: no valid configuration; refusing all requests: cannot read the configuration \/no\/such\/xtokend\.toml/,
    ],
  ])('logs one error if %s', async (_, settings, expected) => {
    const directory = temporaryDirectory();
    const starter = await Starter.start(release, `xtoken_timeout = 1 ${settings(directory)}`);
    const errors = await starter.error(expected);
    await sleep(2000);
    expect(await starter.error(expected)).toBe(errors);
    expect(errors.split('\n')).toHaveLength(1);
    expect(await starter.logIn()).toEqual(UNAVAILABLE);
  });
});
