import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Prints why tests were skipped, below vitest's own summary: what is missing on this machine, and how many tests it costs. */
export class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    const counts = new Map<string, number>();
    for (const reason of skipped.map(reasonOf)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    const lines = [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([reason, count]) => `${count} skipped: ${reason}\n`);
    process.stderr.write(lines.join(''));
  }
}

function reasonOf(test: TestCase): string {
  const { note } = test.result() as { note?: string };
  if (note !== undefined) return note;
  // A whole suite that is skipped has its reason in its name.
  return test.parent.type === 'suite' ? test.parent.name : test.module.relativeModuleId;
}
