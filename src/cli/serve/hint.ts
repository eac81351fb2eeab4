import { dirname, join, relative } from 'node:path';
import type { Configuration } from '../../config/configuration.js';

/** Returns what `xtokend` prints if it is run on a terminal. */
export function hint({ file, hosts }: Configuration, version: string): string {
  const host = hosts.names?.[0] ?? 'example.com';
  return `xtokend ${version} answers the requests that you type here, configured by ${file} (${hosts.names?.join(', ') ?? 'every host'}).
Mint a token in another window:  ${programName()} mint --config ${file} alice@${host}
Then type here:                  auth:alice:${host}:TOKEN
1 means accepted, 0 refused. The same token is refused the second time. Ctrl-D ends.
`;
}

/** Returns how to call the program from the current directory. */
function programName(): string {
  const path = relative(process.cwd(), join(dirname(process.argv[1] ?? ''), '..', 'bin', 'xtokend'));
  return path.startsWith('..') ? 'xtokend' : path;
}
