import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Prints why tests were skipped, below vitest's own summary: what is missing on this machine, and how many tests it costs. */
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

/** Returns `undefined` for a test that was left out by a filter. */
function reasonOf(test: TestCase): string | undefined {
  return (test.result() as { note?: string }).note;
}
