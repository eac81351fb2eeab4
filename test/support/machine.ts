import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineAge } from '../../src/operations/processes.js';

/** Tokens of the step in which the machine started, and of the next, are refused; and a token can be of the previous step. */
const HORIZON_MILLISECONDS = 90_000;

/** Before all tests: gives them a state directory of their own, and a machine whose start is beyond the horizon. */
export async function setup(): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'xtokend-state-'));
  process.env['STATE_DIRECTORY'] = folder;
  const rest = HORIZON_MILLISECONDS - (machineAge() ?? 0);
  if (rest > 0) {
    process.stderr.write(`waiting ${Math.ceil(rest / 1000)} s: this machine or container has just started\n`);
    await sleep(rest);
  }
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}
