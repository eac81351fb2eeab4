import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineAge } from '../../../src/system/processes.js';
import { COLLECTED_LOGS_VARIABLE } from './collected-logs.js';
import { putNodeFirst } from './node.js';
import { PACKAGES_VARIABLE } from './packages.js';
import { findSecrets } from './secret-search.js';

/** A replay cache refuses tokens of the time step in which the machine started, and of the next; clients may be one behind. */
const MIN_AGE_MILLISECONDS = 90_000;

/**
 * Before all tests, creates a state directory and one for the Debian package, and waits until the cache epoch of a machine that has just started is old enough.
 * After them, searches all collected logs for secrets.
 */
export async function setup(): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'xtokend-state-'));
  const logs = mkdtempSync(join(tmpdir(), 'xtokend-logs-'));
  const packages = mkdtempSync(join(tmpdir(), 'xtokend-packages-'));
  putNodeFirst();
  // Node parses all certificates in this file at each start, which takes half as long as the rest of the start.
  delete process.env['NODE_EXTRA_CA_CERTS'];
  process.env['STATE_DIRECTORY'] = directory;
  process.env[COLLECTED_LOGS_VARIABLE] = logs;
  process.env[PACKAGES_VARIABLE] = packages;
  const rest = MIN_AGE_MILLISECONDS - (machineAge() ?? 0);
  if (rest > 0) {
    process.stderr.write(`waiting ${Math.ceil(rest / 1000)} s: this machine or container has just started\n`);
    await sleep(rest);
  }
  return async () => {
    const found = await findSecrets(logs);
    for (const path of [directory, logs, packages]) rmSync(path, { recursive: true, force: true });
    if (found.length === 0) return;
    // Vitest prints an error of this function, but exits with 0.
    process.exitCode = 1;
    throw new Error(`expected no secret in the logs of the tests\n${found.join('\n')}`);
  };
}
