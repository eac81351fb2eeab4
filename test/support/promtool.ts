import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TestContext } from 'vitest';
import { requirePackage } from './requirement.js';

const PROMTOOL = '/usr/bin/promtool';

/** Skips a test if promtool is not installed. */
export function requirePromtool(context: TestContext): void {
  requirePackage(context, existsSync(PROMTOOL), 'prometheus');
}

/** Runs promtool, and returns its output and exit status. */
export function promtool(args: readonly string[], input = ''): { status: number | null; says: string } {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, { input, encoding: 'utf8', timeout: 60_000 });
  return { status, says: stdout + stderr };
}
