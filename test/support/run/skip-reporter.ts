import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Prints below Vitest's summary why tests were skipped, with the number of tests per reason. */
export class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    const counts = new Map<string, number>();
    for (const test of skipped) {
      const reason = reasonOf(test);
      if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    const lines = [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([reason, count]) => `${count} skipped: ${reason}\n`);
    process.stderr.write(lines.join(''));
  }
}

/** Returns the reason, or `undefined` if a filter excluded the test. */
function reasonOf(test: TestCase): string | undefined {
  return (test.result() as { note?: string }).note;
}
