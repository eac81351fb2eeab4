import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { OTHER_USER, passableDirectory, requireRoot } from '../support/system/other-user.js';
import { createDirectory, filesIn, installGlobally, pack } from './npm-package.js';

/** Runs a shell command as another user, in the directory that npm installed to. */
function runInPrefix(prefix: string, command: string): { status: number | null; says: string } {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    uid: OTHER_USER,
    gid: OTHER_USER,
    cwd: '/',
    env: { PATH: `${prefix}/bin:${String(process.env['PATH'])}`, prefix },
    encoding: 'utf8',
  });
  return { status, says: stdout + stderr };
}

/** Returns a prefix such as /usr/local, in which npm has never installed anything. */
function newPrefix(): string {
  const prefix = createDirectory(join(passableDirectory(), 'prefix'));
  for (const name of ['bin', 'lib', 'share/man']) createDirectory(join(prefix, name));
  return prefix;
}

/** Makes a tarball of files with the modes of a clone under umask 077. */
function packPrivately(): string {
  const directory = passableDirectory();
  const files = installGlobally(pack(directory), join(directory, 'prefix'));
  execFileSync('chmod', ['-R', 'go=', files]);
  return pack(createDirectory(join(directory, 'packed')), files);
}

// Several runs of npm take most of a minute on a busy machine.
describe('umask 077', { timeout: 240_000 }, () => {
  beforeEach(requireRoot);

  it('in the clone does not make the installed files private', () => {
    const installed = installGlobally(packPrivately(), newPrefix());
    const modes = filesIn(installed).map((path) => [path, statSync(join(installed, path)).mode & 0o777]);
    expect(modes.filter(([, mode]) => mode !== 0o644 && mode !== 0o744 && mode !== 0o755)).toEqual([]);
    expect(modes).toContainEqual(['bin/xtokend', 0o755]);
  });

  it('during the installation makes them private until the modes are changed', () => {
    const prefix = newPrefix();
    const installed = installGlobally(packPrivately(), prefix, '077');
    const { status, says } = runInPrefix(prefix, 'xtokend keygen');
    expect([status, says]).toEqual([127, expect.stringContaining('denied')]);
    // The directories above the package are npm's own: it creates them for the first global package.
    const modules = dirname(installed);
    execFileSync('chmod', ['go+rX', modules, join(prefix, 'share/man/man1'), join(prefix, 'share/man/man5')]);
    execFileSync('chmod', ['-R', 'go+rX', installed]);
    expect(runInPrefix(prefix, 'xtokend keygen')).toMatchObject({ status: 0 });
    expect(runInPrefix(prefix, 'cat $prefix/share/man/man*/*')).toMatchObject({ status: 0 });
    expect(runInPrefix(prefix, `find ${installed} ! -readable`)).toEqual({ status: 0, says: '' });
  });
});
