import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { collectLogsIn } from './run/collected-logs.js';

/** Creates an empty directory that is deleted when the test ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'xtokend-test-'));
  onTestFinished(() => {
    collectLogsIn(directory);
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** Creates a file with mode 0600 that is deleted when the test ends, and returns its path. */
export function temporaryFile(text: string, name = 'xtokend.toml'): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}
