import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { SkipReporter } from './test/support/run/skip-reporter.js';

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/run/machine.ts',
    reporters: ['default', new SkipReporter()],
    // Most tests wait for other programs most of the time. `npm test` runs those of test/once, which do not, by themselves.
    maxWorkers: Number(process.env['XTOKEND_TEST_WORKERS'] ?? 3),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
export default config;
