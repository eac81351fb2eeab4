// Builds xtokend and a bench, and runs it: node scripts/bench.js NAME [ARGUMENT…], where bench/NAME.ts is one.
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';
import './build.js';

const [name, ...args] = process.argv.slice(2);
// test/support/xtokend.ts looks for bin/xtokend two folders up.
const outfile = `node_modules/.cache/xtokend-${name}.mjs`;
await build({
  entryPoints: [`bench/${name}.ts`],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, [outfile, ...args], { stdio: 'inherit' });
process.exitCode = status ?? 1;
