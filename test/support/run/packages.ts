import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** The environment variable with the directory of the packages that a test run has built; support/run/machine.ts creates it. */
export const PACKAGES_VARIABLE = 'XTOKEND_TEST_PACKAGES';

const execute = promisify(execFile);

/** Returns the path of the Debian package with the program of dist/. The first of all test files builds it. @throws if that fails */
export function builtPackage(): Promise<string> {
  return made('built', '.deb', async (directory) => {
    // Other tests use dist/ at the same time, so don't build it again.
    const env = { ...process.env, npm_config_ignore_scripts: 'true' };
    await execute('sh', ['scripts/build-deb', directory], { env });
  });
}

/**
 * Returns a directory in which npm has installed the package as in /usr/local. The first of all test files installs it; others must
 * not change it. @throws if that fails
 */
export function installedPackage(): Promise<string> {
  return made('installed', 'local', async (directory) => {
    const quiet = ['--silent', '--offline', '--no-audit', '--no-fund'];
    const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory];
    const tarball = (await execute('npm', pack)).stdout.trim();
    const installing = join(directory, 'installing');
    await execute('npm', ['install', '--global', ...quiet, '--prefix', installing, join(directory, tarball)]);
    renameSync(installing, join(directory, 'local'));
  });
}

/**
 * Makes something in a directory of the test run, or waits until another test file has made it. Returns its path.
 *
 * @param suffix what its name ends with; it appears when it is complete
 */
async function made(
  what: string,
  suffix: string,
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const parent = process.env[PACKAGES_VARIABLE] ?? '';
  const [directory, failed] = [join(parent, what), join(parent, `${what}-failed`)];
  try {
    mkdirSync(directory);
    await make(directory).catch((error: unknown) => {
      writeFileSync(failed, String(error));
    });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  for (;;) {
    const name = readdirSync(directory).find((file) => file.endsWith(suffix));
    if (name !== undefined) return join(directory, name);
    if (existsSync(failed)) throw new Error(`expected success: ${readFileSync(failed, 'utf8')}`);
    await sleep(100);
  }
}
