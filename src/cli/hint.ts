import { dirname, join, relative } from 'node:path';
import type { Configuration } from '../config/configuration.js';

/** What `xtokend` tells a person who runs it on a terminal. */
export function hint({ file, hosts }: Configuration, version: string): string {
  const host = hosts.names?.[0] ?? 'example.com';
  return `xtokend ${version} answers requests that are typed here, by ${file} (${hosts.names?.join(', ') ?? 'every host'}).
Mint a token in another window:  ${programName()} mint --config ${file} alice@${host}
Then type here:                  auth:alice:${host}:TOKEN
1 is accepted, 0 is refused; the same token a second time is refused. Ctrl-D ends.
`;
}

/** @returns how to call the program from the present directory */
function programName(): string {
  const path = relative(process.cwd(), join(dirname(process.argv[1] ?? ''), '..', 'bin', 'xtokend'));
  return path.startsWith('..') ? 'xtokend' : path;
}
