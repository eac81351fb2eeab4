import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TestContext } from 'vitest';

/**
 * Skips a test if a program that it needs is not installed. Fails in CI, where .ci/run installs all of them.
 *
 * @param what the name of Debian's package
 */
export function requirePackage(context: TestContext, isInstalled: boolean, what: string): void {
  if (isInstalled) return;
  if (process.env['CI'] === 'true') throw new Error(`expected Debian's ${what}; .ci/run installs it`);
  context.skip(`Debian's ${what} is not installed`);
}

/** Skips a test if scripts/test-roots has not made a root directory. Fails in CI. @param isMade whether it has */
export function requireTestRoots(context: TestContext, isMade: boolean): void {
  if (isMade) return;
  const message = 'sh scripts/test-roots has not made the root directories in local/test-roots';
  if (process.env['CI'] === 'true') throw new Error(message);
  context.skip(message);
}

/** Returns whether a program is in PATH. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', name]).status === 0;
}

/** Skips a test that needs script(1), which gives a program a terminal. */
export function requireScript(context: TestContext): void {
  requirePackage(context, hasProgram('script'), 'bsdutils');
}

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
