import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** The environment variable with the directory of the package that a test run has built; support/run/machine.ts creates it. */
export const PACKAGES_VARIABLE = 'XTOKEND_TEST_PACKAGES';

const execute = promisify(execFile);

/** Returns the path of the Debian package with the program of dist/. The first of all test files builds it. @throws if that fails */
export async function builtPackage(): Promise<string> {
  const directory = process.env[PACKAGES_VARIABLE] ?? '';
  const [built, failed] = [join(directory, 'built'), join(directory, 'failed')];
  try {
    mkdirSync(built);
    // Other tests use dist/ at the same time, so don't build it again.
    const env = { ...process.env, npm_config_ignore_scripts: 'true' };
    await execute('sh', ['scripts/build-deb', built], { env }).catch((error: unknown) => {
      writeFileSync(failed, String(error));
    });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  for (;;) {
    const name = readdirSync(built).find((file) => file.endsWith('.deb'));
    if (name !== undefined) return join(built, name);
    if (existsSync(failed)) throw new Error(`expected scripts/build-deb to succeed; see ${failed}`);
    await sleep(100);
  }
}
