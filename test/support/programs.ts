import { spawnSync } from 'node:child_process';
import type { TestContext } from 'vitest';
import { requirePackage } from './requirement.js';

/** Returns whether a program is in PATH. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', name]).status === 0;
}

/** Skips a test that needs script(1), which gives a program a terminal. */
export function requireScript(context: TestContext): void {
  requirePackage(context, hasProgram('script'), 'bsdutils');
}
