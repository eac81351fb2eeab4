import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../errors.js';

/** What became of a reload. */
export interface ReloadResult {
  /** When it started, in milliseconds of {@link monotonicTime}. */
  readonly startedAt: number;
  /** Why the configuration was not applied; absent if it was. */
  readonly fault?: string | undefined;
}

const FILE = 'reload.json';

/** @returns the first of the runtime directories of a unit (systemd.exec(5)); `undefined` outside of one */
export function runtimeDirectory(env: NodeJS.ProcessEnv): string | undefined {
  return env['RUNTIME_DIRECTORY']?.split(':')[0];
}

/** @returns milliseconds of a clock that all processes of this boot share and nobody can set */
export function monotonicTime(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/**
 * Leaves the result where {@link readReloadResult} finds it: systemd's ExecReload= is a process of its own.
 *
 * @param directory that of {@link runtimeDirectory}
 */
export function writeReloadResult(directory: string, result: ReloadResult): void {
  const file = join(directory, FILE);
  writeFileSync(`${file}.new`, JSON.stringify(result), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** @returns the result of the last reload; `undefined` if there was none */
export function readReloadResult(directory: string): ReloadResult | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, FILE), 'utf8')) as ReloadResult;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
