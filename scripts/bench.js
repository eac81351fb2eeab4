// Builds xtokend and the benchmarks, and runs them: node scripts/bench.js [ARGUMENT…].
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';
import './build.js';

// test/support/xtokend.ts expects bin/xtokend two directories up.
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
