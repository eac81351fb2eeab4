import type { TestContext } from 'vitest';

/**
 * Skips a test where something that it talks to is not installed. In CI that is a failure: .ci/run installs all.
 *
 * @param what Debian's package, for the message
 */
export function requirePackage(context: TestContext, isInstalled: boolean, what: string): void {
  if (isInstalled) return;
  if (process.env['CI'] === 'true') throw new Error(`expected Debian's ${what}; .ci/run installs it`);
  context.skip(`Debian's ${what} is not installed`);
}
