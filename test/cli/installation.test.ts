import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { OTHER_USER, passableDirectory, requireRoot } from '../support/system/other-user.js';
import { PROGRAM } from '../support/xtokend.js';

/** Copies the program, makes one path unreadable, and runs it as another user. */
function runClosed(path: string, mode: number): { status: number | null; stderr: string; root: string } {
  const root = join(passableDirectory(), 'xtokend');
  mkdirSync(root);
  for (const directory of ['bin', 'dist']) {
    cpSync(join(dirname(PROGRAM), '..', directory), join(root, directory), { recursive: true });
  }
  spawnSync('chmod', ['-R', 'go+rX', root]);
  chmodSync(join(root, path), mode);
  const program = join(root, 'bin/xtokend');
  const as = { uid: OTHER_USER, gid: OTHER_USER, cwd: '/', encoding: 'utf8' } as const;
  const { status, stderr } = spawnSync(program, ['--version'], as);
  return { status, stderr, root };
}

describe('an installation under umask 077', () => {
  beforeEach(requireRoot);

  it.each([
    ['dist', 0o700],
    ['dist/xtokend.cjs', 0o600],
  ])('is reported with its fix if this user may not read %s', (path, mode) => {
    const { status, stderr, root } = runClosed(path, mode);
    expect(stderr).toBe(
      `xtokend: user ${OTHER_USER} may not read ${root}/bin/../dist/xtokend.cjs: perhaps xtokend was installed under umask 077. ` +
        `Run as root: chmod -R go+rX ${root}/bin/..\n`,
    );
    expect(status).toBe(127);
  });

  it('is not reported if the installation is readable', () => {
    const { status, stderr } = runClosed('bin', 0o755);
    expect([status, stderr]).toEqual([0, '']);
  });
});
