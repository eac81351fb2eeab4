import { dirname, join } from 'node:path';

/** Returns the directory that xtokend is installed in: bin/xtokend runs dist/xtokend.cjs. */
export function packageDirectory(): string {
  return join(dirname(process.argv[1] ?? ''), '..');
}
