import { execFile, type ExecFileOptions } from 'node:child_process';
import { promisify } from 'node:util';

const TIMEOUT_MILLISECONDS = 5000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs a program within a time limit, by default 5 s. Returns its output, or `undefined` if it fails. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<string | undefined> {
  const limits = { timeout: TIMEOUT_MILLISECONDS, maxBuffer: MAX_OUTPUT_BYTES };
  try {
    return String((await promisify(execFile)(program, args, { ...limits, ...options })).stdout);
  } catch {
    return undefined;
  }
}
