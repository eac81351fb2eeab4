import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { collectLogsIn } from './collected-logs.js';

/** @returns a new empty directory that goes when the test ends */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'xtokend-test-'));
  onTestFinished(() => {
    collectLogsIn(directory);
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** @returns the path of a new file, readable by its owner only, that goes when the test ends */
export function temporaryFile(text: string, name = 'xtokend.toml'): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}
