import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineAge } from '../../src/system/processes.js';
import { COLLECTED_LOGS_VARIABLE } from './collected-logs.js';
import { putNodeFirst } from './node.js';
import { findSecrets } from './secret-search.js';

/** Tokens of the step in which the machine started, and of the next, are refused; and a token can be of the previous step. */
const HORIZON_MILLISECONDS = 90_000;

/**
 * Before all tests: gives them a state directory of their own, and a machine whose start is beyond the horizon. After them:
 * looks for secrets in all that was logged.
 */
export async function setup(): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'xtokend-state-'));
  const logs = mkdtempSync(join(tmpdir(), 'xtokend-logs-'));
  putNodeFirst();
  process.env['STATE_DIRECTORY'] = directory;
  process.env[COLLECTED_LOGS_VARIABLE] = logs;
  const rest = HORIZON_MILLISECONDS - (machineAge() ?? 0);
  if (rest > 0) {
    process.stderr.write(`waiting ${Math.ceil(rest / 1000)} s: this machine or container has just started\n`);
    await sleep(rest);
  }
  return async () => {
    const found = await findSecrets(logs);
    for (const path of [directory, logs]) rmSync(path, { recursive: true, force: true });
    if (found.length === 0) return;
    // Vitest prints what is thrown here, and ends with 0 all the same.
    process.exitCode = 1;
    throw new Error(`expected no secret in what the tests logged\n${found.join('\n')}`);
  };
}
