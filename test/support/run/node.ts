import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';

/** The Node that runs xtokend in tests, which can be older than the one that runs the tests. */
export const NODE: string = process.env['XTOKEND_TEST_NODE'] ?? process.execPath;

/** Its version, such as `20.11.1`. */
export const NODE_VERSION: string = execFileSync(NODE, ['--version'], { encoding: 'utf8' }).trim().slice(1);

/** Puts it first in the PATH of all programs that tests start. */
export function putNodeFirst(): void {
  if (NODE !== process.execPath) process.env['PATH'] = `${dirname(NODE)}:${process.env['PATH'] ?? ''}`;
}
