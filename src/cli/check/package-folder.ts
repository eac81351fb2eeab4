import { dirname, join } from 'node:path';

/** @returns the folder that xtokend is installed in: bin/xtokend runs dist/xtokend.cjs */
export function packageFolder(): string {
  return join(dirname(process.argv[1] ?? ''), '..');
}
