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
