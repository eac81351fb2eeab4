import { spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { LptyHarness } from './lpty-harness.js';

/** Whether Debian's lua5.2 and lua-lpty are there. */
export function hasLpty(): boolean {
  return spawnSync('lua5.2', ['-e', 'require "lpty"']).status === 0;
}

/** Starts a program on a terminal of lpty, until the test ends. */
export function openLpty(command: string, env: NodeJS.ProcessEnv): LptyHarness {
  const harness = new LptyHarness(command, env);
  onTestFinished(() => {
    harness.end();
  });
  return harness;
}
