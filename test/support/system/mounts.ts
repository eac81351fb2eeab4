import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * Mounts a file system in memory until the test ends.
 *
 * @param options of mount(8), such as `nr_inodes=20`
 * @returns the mount point, or `undefined` if this user may not mount
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

/** Changes the options of a mounted file system. */
export function remount(directory: string, options: string): void {
  execFileSync('mount', ['-o', `remount,${options}`, directory]);
}
