import { defineConfig, type TestProjectInlineConfiguration, type ViteUserConfig } from 'vitest/config';
import { SkipReporter } from './test/support/run/skip-reporter.js';

const ALL = 'test/**/*.test.ts';
/** Tests that keep the processors busy. */
const ALONE = 'test/once/*.test.ts';
/** Tests that leave the state of their process unchanged: they call functions of src, or start programs. */
const UNISOLATED = [
  'test/{authenticator,cli/check,config,credential,daemon,metrics,protocol,users}/**/*.test.ts',
  'test/passwords/{*,{app-passwords,http,throttle}/*}.test.ts',
  'test/replay/{journal,memory}/**/*.test.ts',
  'test/server/terminal/*.test.ts',
];

interface Project {
  readonly name: string;
  readonly include: string[];
  readonly exclude?: string[];
  readonly isolate?: false;
  readonly maxWorkers?: 1;
}

function project(own: Project): TestProjectInlineConfiguration {
  return {
    test: { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 20_000 } }, ...own },
  };
}

const config: ViteUserConfig = defineConfig({
  test: {
    globalSetup: 'test/support/run/machine.ts',
    reporters: ['default', new SkipReporter()],
    // Most tests wait for other programs most of the time.
    maxWorkers: Number(process.env['XTOKEND_TEST_WORKERS'] ?? 3),
    projects: [
      project({ name: 'isolated', include: [ALL], exclude: [ALONE, ...UNISOLATED] }),
      // These files share processes, because starting one takes longer than most of these tests.
      project({ name: 'unisolated', include: UNISOLATED, isolate: false }),
      // Vitest runs a project with one worker after all others.
      project({ name: 'alone', include: [ALONE], maxWorkers: 1 }),
    ],
  },
});
export default config;
