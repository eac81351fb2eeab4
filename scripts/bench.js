// Builds xtokend and bench/main.ts, and runs the latter: node scripts/bench.js [ARGUMENT…]
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';
import './build.js';

// test/support/xtokend.ts finds bin/xtokend two directories up.
const outfile = 'node_modules/.cache/xtokend-bench.mjs';
await build({
  entryPoints: ['bench/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = status ?? 1;
