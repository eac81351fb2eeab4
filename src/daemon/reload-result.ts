import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../errors.js';

/** The result of a reload. */
export interface ReloadResult {
  /** When it started, in milliseconds of {@link monotonicTime}. */
  readonly startedAt: number;
  /** Why the configuration was not applied; absent if it was. */
  readonly fault?: string | undefined;
}

const FILE = 'reload.json';

/** Returns the first runtime directory of a unit (systemd.exec(5)); `undefined` outside a unit. */
export function runtimeDirectory(env: NodeJS.ProcessEnv): string | undefined {
  return env['RUNTIME_DIRECTORY']?.split(':')[0];
}

/** Returns milliseconds of the monotonic clock that all processes of this boot share. */
export function monotonicTime(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/**
 * Writes the result for {@link readReloadResult}, as systemd's ExecReload= is another process.
 *
 * @param directory that of {@link runtimeDirectory}
 */
export function writeReloadResult(directory: string, result: ReloadResult): void {
  const file = join(directory, FILE);
  writeFileSync(`${file}.new`, JSON.stringify(result), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Returns the result of the last reload; `undefined` if there was none. */
export function readReloadResult(directory: string): ReloadResult | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, FILE), 'utf8')) as ReloadResult;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
