import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * Mounts a file system in memory for the time of a test.
 *
 * @param options as mount(8) takes them, such as `nr_inodes=20`
 * @returns the directory that it is mounted on, or `undefined` where this user may not mount
 */
export function mountTmpfs(options: string): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'xtokend-mount-'));
  const { status } = spawnSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `mode=0700,${options}`,
    'xtokend-test',
    directory,
  ]);
  onTestFinished(() => {
    if (status === 0) execFileSync('umount', [directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  return status === 0 ? directory : undefined;
}

/** Changes the options of what is mounted on a directory. */
export function remount(directory: string, options: string): void {
  execFileSync('mount', ['-o', `remount,${options}`, directory]);
}
