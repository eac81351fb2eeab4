import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { startXtokend } from '../../support/xtokend.js';

const STORM = 200;
const NAMES = 50_000;

function start(text: string): {
  child: ReturnType<typeof startXtokend>;
  log: () => string;
  directory: string;
} {
  const directory = temporaryDirectory();
  const config = join(directory, 'xtokend.toml');
  writeFileSync(config, text, { mode: 0o600 });
  writeFileSync(
    join(directory, 'blocked'),
    Array.from({ length: NAMES }, (_, number) => `user${number}\n`).join(''),
  );
  const child = startXtokend(['--config', config, '--listen', `unix:${join(directory, 'socket')}`]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString()));
  return { child, log: () => log, directory };
}

it('reloads only a few times in a storm of SIGHUP, and then applies the current configuration', async () => {
  const { child, log, directory } = start(`blocked_users = "file:blocked"\n${SECRETS}`);
  await expect.poll(log).toContain('info listening');
  for (let signals = 0; signals < STORM; signals += 1) {
    child.kill('SIGHUP');
    await sleep(1);
  }
  const count = (text: string): number => log().split(text).length - 1;
  await expect.poll(log).toContain('info configuration reloaded');
  writeFileSync(join(directory, 'invalid'), 'no configuration');
  renameSync(join(directory, 'invalid'), join(directory, 'xtokend.toml'));
  child.kill('SIGHUP');
  await expect.poll(log).toContain('configuration reload failed');
  await sleep(500);
  // The reload that was running, the next one, and that of the last signal. With a backlog of signals there would be many more.
  expect(count('configuration reload failed')).toBeLessThanOrEqual(3);
  expect(count('info configuration reloaded')).toBeLessThan(STORM / 2);
});
