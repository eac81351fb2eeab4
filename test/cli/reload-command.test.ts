import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { startXtokend, xtokend, type Ended } from '../support/xtokend.js';

/** Starts a daemon as a unit with RuntimeDirectory= does. */
async function start(): Promise<{ config: string; env: NodeJS.ProcessEnv }> {
  const directory = temporaryDirectory();
  const config = join(directory, 'xtokend.toml');
  writeFileSync(config, SECRETS, { mode: 0o600 });
  const args = ['--config', config, '--listen', `unix:${directory}/socket`];
  const child = startXtokend(args, { RUNTIME_DIRECTORY: directory });
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString()));
  await expect.poll(() => log).toContain('info listening');
  const env = { MAINPID: String(child.pid), RUNTIME_DIRECTORY: directory };
  return { config, env };
}

const reload = (env: NodeJS.ProcessEnv): Ended => xtokend(['reload'], { env });

describe('xtokend reload', () => {
  it('waits for the result and fails if the configuration was not applied', async () => {
    const { config, env } = await start();
    expect(reload(env)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    writeFileSync(config, `${SECRETS}colour = "blue"\n`);
    const { status, stderr } = reload(env);
    expect(status).toBe(2);
    expect(stderr).toContain(`configuration reload failed, keeping the previous one: ${config}`);
    expect(stderr).toContain('colour');
    writeFileSync(config, SECRETS);
    expect(reload(env)).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  it('is not content with the result of an earlier reload', async () => {
    const { config, env } = await start();
    for (let round = 0; round < 5; round += 1) {
      writeFileSync(config, `${SECRETS}colour = "blue"\n`);
      expect(reload(env).status).toBe(2);
      writeFileSync(config, SECRETS);
      expect(reload(env).status).toBe(0);
    }
  });

  it('says that the daemon is not running, or that it is not for a shell', () => {
    // The highest number that a process can have, and one more.
    const gone = { MAINPID: String(2 ** 22 + 1), RUNTIME_DIRECTORY: temporaryDirectory() };
    expect(reload(gone)).toMatchObject({ status: 2 });
    expect(reload(gone).stderr).toContain('is not running');
    expect(reload({}).stderr).toContain('"xtokend reload" is for ExecReload=');
    expect(reload({ MAINPID: '0', RUNTIME_DIRECTORY: '/' }).stderr).toContain('is for ExecReload=');
  });
});
