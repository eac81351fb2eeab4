import { writeFileSync } from 'node:fs';
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
  await expect.poll(log, { timeout: 10_000 }).toContain('info listening');
  for (let signals = 0; signals < STORM; signals += 1) {
    child.kill('SIGHUP');
    await sleep(1);
  }
  await expect.poll(log).toContain('info configuration reloaded');
  const storms = log().split('info configuration reloaded').length;
  writeFileSync(join(directory, 'xtokend.toml'), 'no configuration');
  child.kill('SIGHUP');
  // With a backlog of signals this would come much later, or again and again.
  await expect.poll(log, { timeout: 5000 }).toContain('configuration reload failed');
  await sleep(500);
  expect(log().split('configuration reload failed').length - 1).toBeLessThanOrEqual(2);
  expect(storms).toBeLessThan(STORM / 2);
});
